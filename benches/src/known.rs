//! A node that knows a cluster and has told everything it knew.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_core::wire::membership::{Claim, Ping, Probe, Record, Section as Membership};
use gossip_core::wire::{ClusterKey, Packet, Section, Writer, kv, tag};
use gossip_core::{Config, Instant, Lane, Node, Transmit};

use crate::{addr, identity, scattered};

/// The length of the section with a network coordinate.
const COORDINATE: usize = 10;

/// A packet and where it comes from.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The observed address.
    pub from: SocketAddr,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A node among others, of which it alone is real. Member 0 is the node itself.
#[derive(Debug)]
pub struct Known {
    /// The node.
    pub node: Node<SocketAddr>,
    /// What the node's own clock shows.
    pub now: Instant,
    size: usize,
    key: ClusterKey,
    /// Of the node's table, as its answer to a ping tells it.
    fingerprint: u32,
    buf: Vec<u8>,
}

impl Known {
    /// A node that knows `size` members, itself included, and has no news of them left to tell.
    ///
    /// # Panics
    /// If the node does not take its fellow members in.
    pub fn new(size: usize) -> Self {
        let config = Config::lan();
        let key = ClusterKey::new(&config.cluster);
        let buf = vec![0; config.transport.datagram_mtu];
        let now = Instant::ZERO;
        let node = Node::new(identity(0), addr(0), config, [7; 32], now).expect("the preset is valid");
        let mut known = Self { node, now, size, key, fingerprint: 0, buf };
        // Only who was asked to let the node in is listened to.
        known.node.join(now, addr(1)).expect("a node takes contacts");
        let mut next = 1;
        while next < size {
            let (mut packet, told) = known.updates_from(1, next..size);
            known.handle(&mut packet);
            next += told;
        }
        assert_eq!(known.node.members().live(), size);
        known.fingerprint = known.ask_fingerprint();
        known.settle();
        known
    }

    /// Answers pings until the answers carry nothing but themselves and every member is known to know this node.
    fn settle(&mut self) {
        while self.node.poll_event().is_some() {}
        for from in 1..self.size {
            let mut ping = self.ping(from);
            self.handle(&mut ping);
            self.answer();
        }
        // An answer tells where the node is, besides.
        let longest = self.ping(1).bytes.len() + COORDINATE;
        loop {
            let mut ping = self.ping(1);
            self.handle(&mut ping);
            if self.answer() <= longest {
                return;
            }
        }
    }

    /// Gives the node a packet.
    ///
    /// # Panics
    /// If the node refuses it.
    pub fn handle(&mut self, packet: &mut Sent) {
        let handled = self.node.handle_packet(self.now, Lane::Datagram, &packet.from, &mut packet.bytes);
        handled.expect("the packet is one that a member would send");
    }

    /// Polls until the node has nothing to send; the length of the longest packet.
    pub fn answer(&mut self) -> usize {
        let mut longest = 0;
        while let Some(Transmit { len, .. }) = self.node.poll_transmit(self.now, Lane::Datagram, &mut self.buf) {
            longest = longest.max(len);
        }
        longest
    }

    /// Hands over a packet and polls the answer; its length.
    pub fn reply(&mut self, packet: &mut Sent) -> Option<usize> {
        self.handle(packet);
        self.poll().map(|sent| sent.len)
    }

    /// What a driver does with a packet: hands it over, sends what the node wants to send, sets its timer.
    pub fn turn(&mut self, packet: &mut Sent) -> (usize, Option<Instant>) {
        self.handle(packet);
        (self.answer(), self.node.poll_timeout())
    }

    /// Lets time pass up to the node's next deadline.
    pub fn to_next_deadline(&mut self) {
        self.now = self.node.poll_timeout().map_or(self.now, |due| due.max(self.now));
        self.node.handle_timeout(self.now);
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.node.handle_timeout(self.now);
    }

    /// Writes the next packet into the node's own buffer; [`Self::copy`] tells what it is.
    pub fn poll(&mut self) -> Option<Transmit<SocketAddr>> {
        self.node.poll_transmit(self.now, Lane::Datagram, &mut self.buf)
    }

    /// The packet that was polled last, as it goes to `sent.to`.
    pub fn copy(&self, sent: &Transmit<SocketAddr>) -> Vec<u8> {
        self.buf[..sent.len].to_vec()
    }

    /// A ping of a member whose table and map are equal to the node's, as it is in a steady cluster.
    pub fn ping(&self, from: usize) -> Sent {
        let probe = Probe { number: from as u32, fingerprint: self.fingerprint };
        self.steady(from, Membership::Ping(Ping { probe, promise: 0 }))
    }

    /// The answer of the member at `to` to the node's packet, if that is a ping.
    pub fn ack(&self, to: SocketAddr, packet: &[u8]) -> Option<Sent> {
        let from = (1..self.size).find(|at| addr(*at) == to)?;
        let number = self.sections(packet).find_map(|section| match section {
            Section::Membership(Membership::Ping(ping)) => Some(ping.probe.number),
            _ => None,
        })?;
        let probe = Probe { number, fingerprint: self.fingerprint };
        Some(self.steady(from, Membership::Ack(probe)))
    }

    /// A packet with as many records of known members as fit, and their number.
    pub fn known_updates(&self) -> (Sent, usize) {
        self.updates(scattered(self.size - 1).map(|at| at + 1).take(64 * self.size))
    }

    /// A packet with as many records of these members as fit, and their number; from a random member.
    pub fn updates(&self, members: impl Iterator<Item = usize>) -> (Sent, usize) {
        self.updates_from(1 + scattered(self.size - 1).next().unwrap_or(0), members)
    }

    fn updates_from(&self, from: usize, mut members: impl Iterator<Item = usize>) -> (Sent, usize) {
        let (mut told, mut seen) = (0, Vec::new());
        let sent = self.write(from, true, |packet| {
            told = packet.list(tag::UPDATES, |w| {
                let Some(at) = members.find(|at| !seen.contains(at)) else { return Ok(false) };
                seen.push(at);
                w.item(&record(at)).map(|()| true)
            });
        });
        (sent, told)
    }

    /// A packet from member `from` with the sections that `write` puts into it.
    pub fn write(&self, from: usize, full: bool, write: impl FnOnce(&mut Writer<'_>)) -> Sent {
        Sent { from: addr(from), bytes: packet(&self.key, from, full, write) }
    }

    /// A probe or an answer with what rides on it.
    fn steady(&self, from: usize, section: Membership<'_, SocketAddr>) -> Sent {
        let summary = kv::Section::Summary(self.node.kv().fingerprint());
        self.write(from, false, |packet| {
            _ = Section::Membership(section).write(packet);
            _ = Section::<SocketAddr>::Kv(summary).write(packet);
        })
    }

    fn ask_fingerprint(&mut self) -> u32 {
        let probe = Membership::Ping(Ping { probe: Probe { number: 0, fingerprint: 0 }, promise: 0 });
        let mut ping = self.write(1, true, |packet| _ = Section::<SocketAddr>::Membership(probe).write(packet));
        self.handle(&mut ping);
        let mut found = None;
        while let Some(sent) = self.poll() {
            found = self.sections(&self.buf[..sent.len]).find_map(|section| match section {
                Section::Membership(Membership::Ack(probe)) => Some(probe.fingerprint),
                _ => None,
            });
        }
        found.expect("a ping is answered")
    }

    /// The sections of a packet that one of the members sent.
    ///
    /// # Panics
    /// If it is no packet.
    pub fn sections<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = Section<'a, SocketAddr>> + use<'a> {
        let packet = Packet::decode::<SocketAddr>(&self.key, bytes).expect("a node writes whole packets");
        packet.sections(identity(0).id)
    }
}

/// What is said of a member that answers.
pub fn record(at: usize) -> Record<SocketAddr> {
    Record { member: identity(at), incarnation: 0, claim: Claim::Alive, addr: addr(at), profile: 0 }
}

/// A packet from member `from` of the cluster `key` with the sections that `write` puts into it; it names its sender in full or for short.
///
/// # Panics
/// If a datagram has no room for a header.
pub fn packet(key: &ClusterKey, from: usize, full: bool, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let (mut bytes, mut ids) = (vec![0; Config::lan().transport.datagram_mtu], Vec::new());
    let mut packet = Writer::new(&mut bytes, &mut ids, key, identity(from), full).expect("a packet holds its header");
    write(&mut packet);
    let len = packet.finish(key);
    bytes.truncate(len);
    bytes
}
