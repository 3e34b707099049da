//! The same for foca, a SWIM member, set up as its documentation and its example agent do: the preset for
//! the cluster's size, an address and a number as identity, the postcard codec.

use std::hint::black_box;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use foca::{
    Codec as _, Config, Foca, Header, Identity, Member, Message, NoCustomBroadcast, Notification, PostcardCodec,
    Runtime, Timer,
};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use crate::{addr, identity, scattered};

/// An address, and a number that grows when the member rejoins: the Unix time in seconds at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    addr: SocketAddr,
    bump: u64,
}

impl Id {
    fn new(at: usize) -> Self {
        Self { addr: addr(at), bump: identity(at).generation / 1000 }
    }
}

impl Identity for Id {
    type Addr = SocketAddr;

    fn renew(&self) -> Option<Self> {
        Some(Self { bump: self.bump + 1, ..*self })
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.bump > adversary.bump
    }
}

/// A host that keeps no queue: it takes what foca gives it and counts what it sends.
#[derive(Debug, Default)]
struct Host {
    sent: usize,
    longest: usize,
}

impl Runtime<Id> for Host {
    fn notify(&mut self, notification: Notification<'_, Id>) {
        black_box(notification);
    }

    fn send_to(&mut self, to: Id, data: &[u8]) {
        self.sent += 1;
        self.longest = self.longest.max(data.len());
        black_box((to, data));
    }

    fn submit_after(&mut self, event: Timer<Id>, after: Duration) {
        black_box((event, after));
    }
}

/// A foca that knows a cluster and has told everything it knew. Member 0 is itself.
pub struct KnownFoca {
    foca: Foca<Id, PostcardCodec, SmallRng, NoCustomBroadcast>,
    host: Host,
    size: usize,
    packet_size: usize,
}

impl std::fmt::Debug for KnownFoca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownFoca").field("size", &self.size).finish_non_exhaustive()
    }
}

impl KnownFoca {
    /// A foca that knows `size` members, itself included, and has no news of them left to tell.
    ///
    /// # Panics
    /// If it does not take them in.
    pub fn new(size: usize) -> Self {
        let members = u32::try_from(size).ok().and_then(NonZeroU32::new).expect("a cluster has members");
        let config = Config::new_lan(members);
        let packet_size = config.max_packet_size.get();
        let mut foca = Foca::new(Id::new(0), config, SmallRng::seed_from_u64(7), PostcardCodec);
        let mut host = Host::default();
        let all = (1..size).map(|at| Member::alive(Id::new(at)));
        foca.apply_many(all, false, &mut host).expect("members are taken in");
        assert_eq!(foca.num_members() + 1, size);
        while foca.updates_backlog() > 0 {
            foca.gossip(&mut host).expect("news are told");
        }
        Self { foca, host, size, packet_size }
    }

    /// Gives foca a packet; whatever it sends in answer is sent. How many packets that was.
    ///
    /// # Panics
    /// If foca refuses it.
    pub fn turn(&mut self, packet: &[u8]) -> usize {
        self.host.sent = 0;
        self.foca.handle_data(packet, &mut self.host).expect("the packet is one that a member would send");
        self.host.sent
    }

    /// How many members it holds alive, itself included.
    pub fn live(&self) -> usize {
        self.foca.num_members() + 1
    }

    /// A ping of a member.
    pub fn ping(&self, from: usize) -> Vec<u8> {
        header(from, Message::Ping(1))
    }

    /// A packet with as many known members as fit, and their number.
    pub fn known_updates(&self) -> (Vec<u8>, usize) {
        self.updates(scattered(self.size - 1).map(|at| at + 1).take(64 * self.size))
    }

    /// A packet with as many of these members as fit, and their number; from a random member.
    ///
    /// # Panics
    /// If foca's codec does.
    pub fn updates(&self, members: impl Iterator<Item = usize>) -> (Vec<u8>, usize) {
        let from = 1 + scattered(self.size - 1).next().unwrap_or(0);
        let mut packet = header(from, Message::Gossip);
        let count_at = packet.len();
        packet.extend([0, 0]);
        let mut seen = Vec::new();
        for at in members {
            if seen.contains(&at) {
                continue;
            }
            let len = packet.len();
            PostcardCodec.encode_member(&Member::alive(Id::new(at)), &mut packet).expect("a member is encoded");
            if packet.len() > self.packet_size {
                packet.truncate(len);
                break;
            }
            seen.push(at);
        }
        packet[count_at..count_at + 2].copy_from_slice(&(seen.len() as u16).to_be_bytes());
        (packet, seen.len())
    }
}

fn header(from: usize, message: Message<Id>) -> Vec<u8> {
    let mut packet = Vec::new();
    let header = Header { src: Id::new(from), src_incarnation: 0, dst: Id::new(0), message };
    PostcardCodec.encode_header(&header, &mut packet).expect("a header is encoded");
    packet
}
