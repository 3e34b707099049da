//! Anything that can happen to a node, in any order.

use std::time::Duration;

use gossip_core::kv::{Quorum, Scope, Version};
use gossip_core::wire::{ClusterKey, Writer};
use gossip_core::{Config, Identity, Instant, Lane, Node, NodeId, Transmit};

use crate::fix_checksum;
use crate::input::Input;
use crate::sections::Model;

/// The two nodes' addresses and ids; members that inputs invent share them.
const ADDRESSES: [u64; 2] = [1, 2];
/// More packets than that are never due at one moment.
const MAX_BURST: usize = 20_000;

/// Packets, commands and the passing of time against one node, which may be joined to another.
///
/// # Panics
/// If the node does, if it breaks a limit, or if a packet that it refused has changed something.
pub fn node(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut run = Run::new(&mut input);
    for _ in 0..400 {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
        run.check();
    }
}

struct Run {
    now: Instant,
    nodes: [Node<u64>; 2],
    mtu: usize,
}

impl Run {
    fn new(input: &mut Input<'_>) -> Self {
        let config = small_config(input);
        let mtu = config.transport.datagram_mtu;
        let nodes = ADDRESSES.map(|at| {
            let me = Identity::new(NodeId::from_bytes([at as u8; 16]), 1);
            Node::new(me, at, config.clone(), [at as u8; 32], Instant::ZERO).expect("a valid configuration")
        });
        let mut run = Self { now: Instant::ZERO, nodes, mtu };
        if !input.flag() {
            run.nodes[1].join(run.now, ADDRESSES[0]).expect("room for a contact");
            (0..2).for_each(|_| run.exchange(&mut Input(&[])));
            assert!(run.nodes.iter().all(|node| node.members().live() == 2), "the two have met");
        }
        run
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        let node = &mut self.nodes[0];
        match input.below(17) {
            0..5 => self.forged(input),
            5 => self.raw(input),
            6 | 7 => self.pass(input),
            8 => self.exchange(input),
            9 => _ = node.join(now, input.number() % 32),
            10 => match input.below(12) {
                0 => node.leave(now),
                1 => node.set_address(now, input.number() % 32),
                2 => node.handle_wall_clock(now, input.number()),
                3 => node.handle_unreachable(now, &(input.number() % 32)),
                4 => _ = node.set_hints(now, input.bytes(255)),
                _ => _ = node.set_metadata(now, input.bytes(255)),
            },
            11 => _ = node.broadcasts_mut(now).send(input.bytes(255), input.bytes(255)),
            12 => {
                let scope = if input.flag() { Scope::Shared } else { Scope::Own(input.id()) };
                let mut kv = node.kv_mut(now);
                if let Ok(version) = kv.set(scope, input.bytes(255), input.bytes(255)) {
                    match input.below(4) {
                        0 => _ = kv.await_acks(version, Quorum::All),
                        1 => _ = kv.await_acks(version, Quorum::Majority),
                        2 => kv.forget_acks(Version { counter: version.counter - 1, ..version }),
                        _ => (),
                    }
                }
            }
            13 => {
                let scope = if input.flag() { Scope::Shared } else { Scope::Own(node.identity().id) };
                let key = node.kv().prefix(scope, &[]).next().map(|entry| entry.key.to_vec());
                _ = node.kv_mut(now).delete(scope, &key.unwrap_or_default());
            }
            14 => {
                let (to, port) = (input.id(), input.below(9) as u8);
                node.set_inbox_room(input.below(8) as u8, input.below(16));
                _ = node.send_to(now, to, port, input.bytes(255));
            }
            15 => (0..input.byte()).for_each(|_| _ = node.poll_event()),
            _ => {
                let mut snapshot = node.snapshot().to_vec();
                if input.flag() {
                    let at = input.u32() as usize % snapshot.len();
                    snapshot[at] ^= 1 << input.below(8);
                }
                _ = self.nodes[input.below(2)].restore(now, &snapshot);
            }
        }
    }

    /// A packet with a right checksum and any well-formed sections.
    fn forged(&mut self, input: &mut Input<'_>) {
        let key = ClusterKey::new(&self.nodes[0].config().cluster);
        let sender = if input.flag() { self.nodes[1].identity() } else { input.identity() };
        let (mut ids, mut buf) = (Vec::new(), vec![0; 4096]);
        let mut writer = Writer::new(&mut buf, &mut ids, &key, sender, input.flag()).expect("room for a header");
        let mut asks = false;
        for _ in 0..=input.below(6) {
            let mut model = Model::choose(input);
            model.aim(|to| if to % 2 == 0 { to } else { key.short(self.nodes[0].identity()) });
            if model.is_conversation() && std::mem::replace(&mut asks, true) {
                continue;
            }
            _ = model.write(&mut writer);
        }
        let len = writer.finish(&key);
        buf.truncate(len);
        let from = if input.flag() { input.number() % 32 } else { ADDRESSES[1] };
        self.receive(from, &mut buf);
    }

    /// Any bytes, with a right checksum.
    fn raw(&mut self, input: &mut Input<'_>) {
        let from = input.number() % 32;
        let mut packet = input.bytes(255).to_vec();
        fix_checksum(&ClusterKey::new(&self.nodes[0].config().cluster), &mut packet);
        self.receive(from, &mut packet);
    }

    fn receive(&mut self, from: u64, packet: &mut [u8]) {
        let node = &mut self.nodes[0];
        let state = |node: &Node<u64>| {
            (node.members().revision(), node.kv().revision(), node.kv().fingerprint(), node.broadcasts().history_len())
        };
        let before = state(node);
        if node.handle_packet(self.now, Lane::Datagram, &from, packet).is_err() {
            assert_eq!(state(node), before, "what was refused has changed nothing");
        }
    }

    /// Time passes; the node acts on its deadlines, or much too late.
    fn pass(&mut self, input: &mut Input<'_>) {
        let step = [1, 20, 400, 1500, 60_000, 100_000_000][input.below(6)] * u64::from(input.byte());
        let end = self.now + Duration::from_millis(step);
        if input.flag() {
            self.now = end;
        }
        for _ in 0..64 {
            let due = self.nodes[0].poll_timeout().filter(|due| *due <= end);
            self.now = self.now.max(due.unwrap_or(end));
            self.nodes[0].handle_timeout(self.now);
            self.drain(0, |_, _| ());
            if due.is_none() {
                break;
            }
        }
        self.now = end;
    }

    /// The two nodes hear each other, perhaps with a bit flipped.
    fn exchange(&mut self, input: &mut Input<'_>) {
        let flip = input.flag().then(|| input.u32() as usize);
        for from in [0, 1, 0, 1] {
            self.nodes[from].handle_timeout(self.now);
            let mut sent = Vec::new();
            self.drain(from, |to, packet| sent.push((to, packet.to_vec())));
            let to = 1 - from;
            for (_, mut packet) in sent.into_iter().filter(|(address, _)| *address == ADDRESSES[to]) {
                if let Some(bit) = flip.map(|bit| bit % (packet.len() * 8)) {
                    packet[bit / 8] ^= 1 << (bit % 8);
                    fix_checksum(&ClusterKey::new(&self.nodes[to].config().cluster), &mut packet);
                }
                _ = self.nodes[to].handle_packet(self.now, Lane::Datagram, &ADDRESSES[from], &mut packet);
            }
        }
    }

    /// Takes all packets that a node may send now.
    fn drain(&mut self, at: usize, mut each: impl FnMut(u64, &[u8])) {
        let mut buf = vec![0; self.mtu + 100];
        for count in 0.. {
            assert!(count < MAX_BURST, "no end of packets at one moment");
            let Some(Transmit { to, len }) = self.nodes[at].poll_transmit(self.now, Lane::Datagram, &mut buf) else {
                return;
            };
            assert!(len <= self.mtu, "{len} bytes, {} allowed", self.mtu);
            each(to, &buf[..len]);
        }
    }

    fn check(&self) {
        let node = &self.nodes[0];
        let config = node.config();
        assert!(node.members().len() <= config.membership.max_members);
        assert!(node.members().live() <= node.members().len());
        assert!(node.kv().len() + node.kv().tombstones() <= config.kv.max_entries);
        assert!(node.directs().pending() <= config.direct.max_pending);
        assert!(node.broadcasts().history_bytes() <= config.broadcast.history_bytes + 4096);
    }
}

/// Limits that an input can reach.
fn small_config(input: &mut Input<'_>) -> Config {
    let mut config = [Config::local(), Config::lan(), Config::wan()][input.below(3)].clone();
    config.transport.datagram_mtu = [1200, 508][input.below(2)];
    config.max_bytes_per_second = [0, 10_000][input.below(2)];
    config.max_events = 16;
    config.membership.max_members = 12;
    config.membership.forget_after = Duration::from_secs(3600);
    config.kv.max_entries = 16;
    config.kv.max_writers = 16;
    config.kv.max_awaited = 4;
    config.direct.max_pending = 8;
    config.direct.max_pending_per_peer = 4;
    config.direct.max_senders = 16;
    config.broadcast.max_origins = 16;
    config.broadcast.history_bytes = 64 << 10;
    config
}
