//! Anything that can happen to a node, in any order.

mod subject;

use std::time::Duration;

use gossip_core::kv::{Quorum, Scope};
use gossip_core::wire::{ClusterKey, Packet, Writer};
use gossip_core::{Config, Instant};

use crate::fix_checksum;
use crate::input::Input;
use crate::limits::{longest_packet, small_config};
use crate::sections::Model;
use crate::snapshot::mutate;
pub(crate) use subject::Subject;

/// The two nodes' addresses and ids; members that inputs invent share them.
const ADDRESSES: [u64; 2] = [1, 2];
const MAX_STEPS: usize = 400;
/// So many floods are enough to fill whatever can be filled.
const MAX_FLOODS: usize = 12;

/// Packets, commands, restores and the passing of time against two nodes, which may be joined to each other. The same
/// bytes give the same answer: a summary of every packet that was sent.
///
/// # Panics
/// If a node does, if it breaks a limit or holds more memory than its limits allow, if it asks to be woken without end, or
/// if what it refused has changed something.
pub fn node(bytes: &[u8]) -> u64 {
    let mut input = Input(bytes);
    let mut run = Run::new(&mut input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
        run.nodes.iter().for_each(Subject::check);
    }
    run.nodes[0].sent() ^ run.nodes[1].sent().rotate_left(1)
}

struct Run {
    now: Instant,
    nodes: [Subject; 2],
    config: Config,
    key: ClusterKey,
    floods: usize,
}

impl Run {
    fn new(input: &mut Input<'_>) -> Self {
        let config = small_config(input);
        let nodes = ADDRESSES.map(|at| Subject::new(at, &config));
        let key = ClusterKey::new(&config.cluster);
        let mut run = Self { now: Instant::ZERO, nodes, config, key, floods: 0 };
        if !input.flag() {
            let now = run.now;
            run.nodes[1].run(|node| node.join(now, ADDRESSES[0])).expect("room for a contact");
            (0..2).for_each(|_| run.exchange(&mut Input(&[])));
            assert!(run.nodes.iter().all(|subject| subject.node().members().live() == 2), "the two have met");
        }
        run
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(20) {
            0..4 => self.forged(input),
            4 => self.raw(input),
            5 => self.flood(input),
            6 | 7 => self.pass(input),
            8..11 => self.exchange(input),
            11..14 => self.command(input),
            14 | 15 => self.write(input),
            16 | 17 => self.take(input),
            18 => self.restore(input),
            _ => {
                let (at, now) = (Self::which(input), self.now);
                self.nodes[at].tick(now, |_, _| ());
            }
        }
    }

    /// Which node something happens to: most often the first.
    fn which(input: &mut Input<'_>) -> usize {
        usize::from(input.below(4) == 3)
    }

    /// A packet with a right checksum and any well-formed sections.
    fn forged(&mut self, input: &mut Input<'_>) {
        let at = Self::which(input);
        let other = 1 - at;
        let sender = if input.flag() { self.nodes[other].node().identity() } else { input.identity() };
        let (mut ids, mut buf) = (Vec::new(), vec![0; 4096]);
        let mut writer = Writer::new(&mut buf, &mut ids, &self.key, sender, input.flag()).expect("room for a header");
        let mut asks = false;
        for _ in 0..=input.below(6) {
            let mut model = Model::choose(input);
            let here = self.nodes[at].node().identity();
            model.aim(|to| if to % 2 == 0 { to } else { self.key.short(here) });
            if model.is_conversation() && std::mem::replace(&mut asks, true) {
                continue;
            }
            _ = model.write(&mut writer);
        }
        let len = writer.finish(&self.key);
        buf.truncate(len);
        let from = if input.flag() { input.number() % 32 } else { ADDRESSES[other] };
        self.nodes[at].receive(self.now, from, &mut buf);
    }

    /// Many packets of that kind, made from few bytes.
    fn flood(&mut self, input: &mut Input<'_>) {
        let (mut state, count) = (u64::from(input.u32()) | 1 << 32, input.below(32));
        self.floods += 1;
        if self.floods > MAX_FLOODS {
            return;
        }
        let stream: Vec<u8> = std::iter::repeat_with(|| {
            // Marsaglia, Xorshift RNGs (2003), triple 13, 7, 17.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(4096)
        .collect();
        let mut stream = Input(&stream);
        for _ in 0..=count {
            if stream.is_empty() {
                break;
            }
            self.forged(&mut stream);
        }
    }

    /// Any bytes, with a right checksum or a wrong one. What is no packet changes nothing at all.
    fn raw(&mut self, input: &mut Input<'_>) {
        let (at, from, damaged) = (Self::which(input), input.number() % 32, input.flag());
        let mut packet = input.bytes(255).to_vec();
        if !damaged {
            fix_checksum(&self.key, &mut packet);
        }
        if Packet::decode::<u64>(&self.key, &packet).is_ok() {
            return self.nodes[at].receive(self.now, from, &mut packet);
        }
        let before = self.nodes[at].in_full();
        self.nodes[at].receive(self.now, from, &mut packet);
        assert_eq!(self.nodes[at].in_full(), before, "what is no packet has changed nothing");
    }

    /// Time passes, seldom backwards or to near its end. The node acts on its deadlines one after the other, or too late.
    fn pass(&mut self, input: &mut Input<'_>) {
        let at = Self::which(input);
        let step = [1, 20, 400, 1500, 60_000, 100_000_000][input.below(6)] * u64::from(input.byte());
        let step = Duration::from_millis(step);
        let end = match input.byte() {
            255 => Instant::from_micros(u64::MAX.saturating_sub(input.number())),
            240..255 => Instant::from_micros(self.now.as_micros().saturating_sub(step.as_micros() as u64)),
            _ => self.now + step,
        };
        for _ in 0..if input.flag() { 0 } else { 64 } {
            let Some(due) = self.nodes[at].node().poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.nodes[at].tick(self.now, |_, _| ());
        }
        self.now = end;
        self.nodes[at].tick(end, |_, _| ());
    }

    /// The two nodes hear each other: perhaps with a bit flipped, in another order, twice, or not all of it.
    fn exchange(&mut self, input: &mut Input<'_>) {
        let (now, order) = (self.now, input.below(5));
        let flip = input.flag().then(|| input.u32() as usize);
        for from in [0, 1, 0, 1] {
            let to = 1 - from;
            let mut sent = Vec::new();
            self.nodes[from].tick(now, |address, packet| {
                if address == ADDRESSES[to] {
                    sent.push(packet.to_vec());
                }
            });
            match order {
                1 => sent.reverse(),
                2 => sent = sent.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect(),
                3 => sent = sent.into_iter().step_by(2).collect(),
                4 => sent.truncate(1),
                _ => (),
            }
            for mut packet in sent {
                if let Some(bit) = flip.map(|bit| bit % (packet.len() * 8)) {
                    packet[bit / 8] ^= 1 << (bit % 8);
                    fix_checksum(&self.key, &mut packet);
                }
                self.nodes[to].receive(now, ADDRESSES[from], &mut packet);
            }
        }
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let (at, now) = (Self::which(input), self.now);
        let node = &mut self.nodes[at];
        match input.below(15) {
            0 => node.run(|node| node.leave(now)),
            1 => node.run(|node| node.set_address(now, input.number() % 32)),
            2 => node.run(|node| node.handle_wall_clock(now, input.number())),
            3 => match input.number() % 32 {
                at @ 0..16 => node.run(|node| node.handle_unreachable(now, &at)),
                at => node.run(|node| node.handle_no_stream(now, &(at - 16))),
            },
            4 => _ = node.attempt(|node| node.set_hints(now, input.bytes(255))),
            5 => {
                let (with, within) = (input.id(), Duration::from_millis(input.number() % 5000));
                _ = node.attempt(|node| node.kv_mut(now).diff(with, within));
            }
            6..8 => {
                let metadata = input.bytes(255);
                if node.attempt(|node| node.set_metadata(now, metadata)).is_some() {
                    let own = node.node().members().get(node.node().identity().id).map(|me| me.metadata);
                    assert_eq!(own, Some(metadata));
                }
            }
            8..10 => _ = node.attempt(|node| node.join(now, input.number() % 96)),
            10 | 11 => {
                let (topic, payload) = (input.bytes(255), input.bytes(255));
                _ = node.attempt(|node| node.broadcasts_mut(now).send(topic, payload));
            }
            12 => node.run(|node| node.set_inbox_room(input.below(9) as u8, input.below(16))),
            13 => {
                let (to, port, data) = (input.id(), input.below(9) as u8, input.bytes(255));
                // To one port what a datagram may not hold.
                let data = if port == 7 { data.repeat(6) } else { data.to_vec() };
                _ = node.attempt(|node| node.send_to(now, to, port, &data));
            }
            _ => self.await_acks(input, at),
        }
    }

    /// A write of the map, which is there at once if it was not refused.
    fn write(&mut self, input: &mut Input<'_>) {
        let (at, now) = (Self::which(input), self.now);
        let node = &mut self.nodes[at];
        let me = node.node().identity().id;
        let scope = [Scope::Shared, Scope::Own(me), Scope::Own(input.id())][input.below(3)];
        if input.flag() {
            let key = node.node().kv().prefix(scope, input.bytes(4)).next().map(|entry| entry.key.to_vec());
            let key = key.unwrap_or_default();
            if node.attempt(|node| node.kv_mut(now).delete(scope, &key)).is_some() {
                assert_eq!(node.node().kv().get(scope, &key), None);
            }
        } else {
            let (key, value) = (input.bytes(255), input.bytes(255));
            if node.attempt(|node| node.kv_mut(now).set(scope, key, value)).is_some() {
                assert_eq!(node.node().kv().get(scope, key).map(|entry| entry.value), Some(value));
            }
        }
    }

    /// The others are to acknowledge a write, or no longer.
    fn await_acks(&mut self, input: &mut Input<'_>, at: usize) {
        let (now, node) = (self.now, &mut self.nodes[at]);
        let Some(version) = node.node().kv().iter().nth(input.below(16)).map(|entry| entry.version) else { return };
        let quorum = match input.below(4) {
            0 => Quorum::All,
            1 => Quorum::Majority,
            2 => Quorum::Count(input.below(4)),
            _ => return node.run(|node| node.kv_mut(now).forget_acks(version)),
        };
        _ = node.attempt(|node| node.kv_mut(now).await_acks(version, quorum));
    }

    /// Takes some of what waits: packets, perhaps into a buffer that is too short, and events.
    fn take(&mut self, input: &mut Input<'_>) {
        let (at, now) = (Self::which(input), self.now);
        let mut buf = vec![0; if input.flag() { input.below(256) } else { longest_packet(&self.config) }];
        for _ in 0..input.byte() {
            if self.nodes[at].poll_transmit(now, &mut buf).is_none() {
                break;
            }
        }
        self.nodes[at].poll_events(usize::from(input.byte()));
    }

    /// A node takes over what it, or the other, remembers; perhaps not quite.
    fn restore(&mut self, input: &mut Input<'_>) {
        let (at, of) = (Self::which(input), Self::which(input));
        let mut snapshot = self.nodes[of].node().snapshot().to_vec();
        mutate(&mut snapshot, input);
        _ = self.nodes[at].restore(self.now, &snapshot);
    }
}
