//! The substreams of a peer: how each is agreed upon, and the frames on it.

use std::array;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::iter::Flatten;

use asynchronous_codec::{Bytes, FramedRead, FramedWrite};
use gossip_core::Lane;
use libp2p_core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p_swarm::{Stream, StreamProtocol};
use unsigned_varint::codec::UviBytes;

/// The longest packet of the datagram lane: the longest that UDP carries, since members may have other settings.
const MAX_DATAGRAM: usize = 65_507;
/// How much is handed to the connection at a time. What waits behind it can still be replaced by what is newer.
const WRITE_BUFFER: usize = 8 << 10;

pub(crate) type Inbound = FramedRead<Stream, UviBytes>;
pub(crate) type Outbound = FramedWrite<Stream, UviBytes<Bytes>>;

/// A lane under the name by which its substreams are agreed upon.
#[derive(Clone, Debug)]
#[allow(unreachable_pub, reason = "part of the interface of the handler")]
pub struct Named {
    pub(crate) lane: Lane,
    name: StreamProtocol,
    max_packet: usize,
}

/// The lanes that are offered to a peer, or the one that is asked of it.
#[derive(Clone, Debug)]
#[allow(unreachable_pub, reason = "part of the interface of the handler")]
pub struct Lanes([Option<Named>; 2]);

impl Lanes {
    /// The lanes of a node whose frames have at most `stream` bytes; none: it has no stream lane.
    pub(crate) fn new(protocol: &StreamProtocol, stream: Option<usize>) -> Self {
        let named = |lane, suffix, max_packet| {
            let name = StreamProtocol::try_from_owned(format!("{protocol}/{suffix}"));
            Named { lane, name: name.expect("it begins with a slash, as the protocol does"), max_packet }
        };
        let stream = stream.map(|max_frame| named(Lane::Stream, "stream", max_frame));
        Self([Some(named(Lane::Datagram, "datagram", MAX_DATAGRAM)), stream])
    }

    pub(crate) fn only(&self, lane: Lane) -> Self {
        Self([self.0[lane as usize].clone(), None])
    }
}

impl Named {
    /// Reads frames; a length beyond the limit is an error, before there is memory for it.
    pub(crate) fn reader(&self, mut stream: Stream) -> Inbound {
        stream.ignore_for_keep_alive();
        FramedRead::new(stream, self.frames())
    }

    pub(crate) fn writer(&self, mut stream: Stream) -> Outbound {
        stream.ignore_for_keep_alive();
        let mut writer = FramedWrite::new(stream, self.frames());
        writer.set_send_high_water_mark(WRITE_BUFFER);
        writer
    }

    fn frames<T>(&self) -> UviBytes<T> {
        let mut frames = UviBytes::default();
        frames.set_max_len(self.max_packet);
        frames
    }
}

impl AsRef<str> for Named {
    fn as_ref(&self) -> &str {
        self.name.as_ref()
    }
}

impl UpgradeInfo for Lanes {
    type Info = Named;
    type InfoIter = Flatten<array::IntoIter<Option<Named>, 2>>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter().flatten()
    }
}

impl InboundUpgrade<Stream> for Lanes {
    type Output = (Stream, Named);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((stream, named)))
    }
}

impl OutboundUpgrade<Stream> for Lanes {
    type Output = (Stream, Named);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((stream, named)))
    }
}
