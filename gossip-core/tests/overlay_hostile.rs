//! What a node does with neighbours, members and strangers that abuse broadcast's overlay: its memory and what it sends stay
//! bounded, it counts, and messages go on.

#![cfg(feature = "broadcast")]

#[path = "hostile/lab.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod lab;

use std::time::Duration;

use gossip_core::wire::broadcast::{Body, Class, Content, Pushed, Section as Broadcast, ShortId};
use gossip_core::wire::membership::{Ping, Probe, Section as Membership};
use gossip_core::wire::overlay::{Advert, LinkKind, LinkSection};
use gossip_core::wire::{ClusterKey, Item, Packet, Section, tag};
use gossip_core::{Config, Identity, Instant, NodeId};
use lab::{Lab, packet};

/// The address of the member that misbehaves, the only neighbour of node 1.
const EVIL: u64 = 2;

/// Node 1, and a member that answers pings and otherwise does what the test wants.
struct Duel {
    lab: Lab,
    evil: Identity,
    /// Whether it answers what is asked of its link.
    answers: bool,
    bytes_in: usize,
    bytes_out: usize,
    /// Items of sections of broadcast to it, by tag.
    heard: [usize; 128],
    last_advert: Option<Advert>,
    drops: usize,
}

impl Duel {
    fn new() -> Self {
        let mut lab = Lab::new(2, &Config::lan());
        let evil = lab.identity(EVIL);
        lab.nodes.remove(&EVIL);
        let mut duel =
            Self { lab, evil, answers: true, bytes_in: 0, bytes_out: 0, heard: [0; 128], last_advert: None, drops: 0 };
        duel.run(5);
        assert_eq!(duel.lab.node(1).neighbours().count(), 1);
        (duel.bytes_in, duel.bytes_out, duel.heard) = (0, 0, [0; 128]);
        duel
    }

    /// One section from the neighbour, with so many items.
    fn say<'a, T: Item<'a>>(&mut self, tag: u8, items: &[T]) {
        let packet = packet(self.evil, true, |w| {
            w.section(tag, |w| items.iter().try_for_each(|item| w.item(item))).expect("room");
        });
        self.bytes_in += packet.len();
        self.lab.forge(EVIL, 1, &packet).expect("a packet");
    }

    fn link(&mut self, kind: LinkKind, token: u16) {
        self.say(tag::LINK, &[LinkSection { kind, token }]);
    }

    /// Takes what the node sends.
    fn pump(&mut self) {
        while self.lab.settle() > 0 {
            for (to, bytes) in std::mem::take(&mut self.lab.outside) {
                if to != EVIL {
                    continue;
                }
                let packet = Packet::decode::<u64>(&ClusterKey::new(""), &bytes).expect("a packet");
                let sections: Vec<_> = packet.sections::<u64>(self.lab.identity(1).id).collect();
                for section in sections {
                    self.hear(&section, bytes.len());
                }
            }
        }
    }

    fn hear(&mut self, section: &Section<'_, u64>, len: usize) {
        match section {
            Section::Membership(Membership::Ping(Ping { probe, .. })) => {
                let ack = Probe { number: probe.number, fingerprint: probe.fingerprint };
                let before = self.bytes_in;
                self.say(tag::ACK, &[ack]);
                self.bytes_in = before;
            }
            Section::Broadcast(section) => {
                self.bytes_out += len;
                self.heard[usize::from(section.tag())] += match section {
                    Broadcast::Graft(ids) => ids.iter().count(),
                    Broadcast::Push(list) => list.iter().count(),
                    Broadcast::Messages(list) => list.iter().count(),
                    _ => 1,
                };
                match section {
                    Broadcast::Advert(advert) => self.last_advert = Some(*advert),
                    Broadcast::Link(LinkSection { kind, token }) => match kind {
                        LinkKind::Drop => self.drops += 1,
                        LinkKind::Request | LinkKind::Plea => self.link(LinkKind::Accept, *token),
                        LinkKind::Probe | LinkKind::Check if self.answers => self.link(LinkKind::Echo, *token),
                        _ => (),
                    },
                    _ => (),
                }
            }
            _ => (),
        }
    }

    fn run(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.lab.now + time;
        self.pump();
        while self.lab.now < end {
            let due = self.lab.nodes[&1].poll_timeout().filter(|due| *due <= end);
            self.lab.now = due.unwrap_or(end).max(self.lab.now + Duration::from_micros(10));
            let now: Instant = self.lab.now;
            self.lab.node(1).handle_timeout(now);
            self.pump();
        }
    }

    fn broadcast(&mut self) -> ShortId {
        let now = self.lab.now;
        let sent = self.lab.node(1).broadcasts_mut(now).send(b"t", &[7; 256]).expect("sent");
        ShortId::of(self.short(), sent.sequence)
    }

    fn short(&self) -> u32 {
        ClusterKey::new("").short(self.lab.identity(1))
    }
}

#[test]
fn invented_ids_take_bounded_memory_and_are_asked_for_a_bounded_number_of_times() {
    let mut duel = Duel::new();
    let ids: Vec<ShortId> = (0..100_000_u32).map(|at| ShortId(at.wrapping_mul(0x9e37_79b9))).collect();
    let mut kept = 0;
    for some in ids.chunks(250) {
        let made = allocation_counter::measure(|| duel.say(tag::IHAVE, some));
        kept += made.bytes_current;
        duel.pump();
    }
    duel.run(30);
    assert!(kept < 128 << 10, "{kept} bytes");
    let stats = duel.lab.nodes[&1].stats();
    let (ignored, broken) = (stats.broadcast_announcements_ignored, stats.broadcast_promises_broken);
    assert_eq!(ignored + broken, 100_000);
    assert!(broken <= 256, "{broken}");
    let asked = duel.heard[usize::from(tag::GRAFT)] as u64;
    assert!(asked <= 5 * broken, "{asked} times for {broken}");
}

#[test]
fn strangers_who_push_graft_and_advertise_have_no_effect() {
    let mut duel = Duel::new();
    let id = duel.broadcast();
    duel.say(tag::PUSH_ACK, &[id]);
    duel.run(1);
    let before = (duel.lab.nodes[&1].broadcasts().history_len(), duel.lab.nodes[&1].members().len());
    let (mut bytes_in, mut bytes_out) = (0, 0);
    for at in 0..10_000_u64 {
        let stranger = Identity::new(NodeId::from_name(&format!("stranger {at}")), 1);
        let origin = ClusterKey::new("").short(stranger);
        let pushed = Pushed::new(origin, 1, Class::Urgent, b"t", b"p");
        let advert = Advert { parent: true, child: true, hurry: true, root: 0, round: 7, distance: Some(0) };
        let packet = packet(stranger, true, |w| {
            w.section(tag::PUSH, |w| w.item(&pushed)).expect("room");
            w.section(tag::GRAFT, |w| w.item(&id)).expect("room");
            w.section(tag::GRAFT_NAMED, |w| w.item(&id)).expect("room");
            w.section(tag::TREE_ADVERT, |w| w.item(&advert)).expect("room");
            w.section(tag::LINK, |w| w.item(&LinkSection { kind: LinkKind::Plea, token: 1 })).expect("room");
        });
        bytes_in += packet.len();
        duel.lab.forge(1000 + at, 1, &packet).expect("a packet");
        duel.lab.settle();
        bytes_out += duel.lab.outside.drain(..).filter(|(to, _)| *to >= 1000).map(|(_, p)| p.len()).sum::<usize>();
    }
    let node = &duel.lab.nodes[&1];
    assert_eq!((node.broadcasts().history_len(), node.members().len()), before);
    assert_eq!(node.neighbours().copied().collect::<Vec<_>>(), [EVIL]);
    let counted = node.stats().broadcast_strangers + node.stats().ignored_sections;
    assert!(counted >= 50_000, "{counted}");
    assert!(bytes_out <= bytes_in, "{bytes_out} bytes for {bytes_in}");
}

#[test]
fn a_graft_repeated_gets_fewer_bytes_than_it_takes() {
    for tag in [tag::GRAFT, tag::GRAFT_NAMED] {
        let mut duel = Duel::new();
        let id = duel.broadcast();
        for _ in 0..1000 {
            duel.say(tag, &[id; 10]);
            duel.run_for(Duration::from_millis(10));
        }
        let copies = duel.heard[usize::from(tag::PUSH)] + duel.heard[usize::from(tag::MESSAGES)];
        assert!(copies <= 8, "{copies} copies");
        assert!(duel.bytes_out <= duel.bytes_in, "{} bytes for {}", duel.bytes_out, duel.bytes_in);
        assert!(duel.lab.nodes[&1].stats().broadcast_grafts_refused > 1000);
    }
}

#[test]
fn numbers_at_their_ends_wrap_nothing_and_the_tree_goes_on() {
    let mut duel = Duel::new();
    let (own, theirs) = (duel.short(), ClusterKey::new("").short(duel.evil));
    for (sequence, hops) in [(u64::MAX, u32::MAX), (u64::MAX - 1, 0), (1, u32::MAX)] {
        let class = Class::Urgent;
        let back = Body::Withdrawn { back: sequence - 1 };
        for body in [Body::Content(Content { hops, expires: hops, ..Content::default() }), back] {
            duel.say(tag::PUSH, &[Pushed { origin: theirs, sequence, class, age: u16::MAX, body }]);
        }
        duel.run(1);
    }
    for root in [own, theirs, 0, u32::MAX] {
        for round in [0, 1, 1 << 14, (1 << 15) - 1, 1 << 15, u16::MAX] {
            for distance in [Some(0), Some(u32::MAX), None] {
                duel.say(tag::TREE_ADVERT, &[Advert { parent: true, child: true, hurry: true, root, round, distance }]);
                duel.run_for(Duration::from_millis(200));
            }
        }
    }
    // The neighbour takes the node for its parent, and later has no way: messages go to it either way.
    for distance in [Some(10), None] {
        let round = duel.last_advert.map_or(0, |advert| advert.round);
        duel.say(tag::TREE_ADVERT, &[Advert { parent: true, child: false, hurry: false, root: own, round, distance }]);
        let before = duel.heard[usize::from(tag::PUSH)];
        let id = duel.broadcast();
        duel.pump();
        assert_eq!(duel.heard[usize::from(tag::PUSH)], before + 1);
        duel.say(tag::PUSH_ACK, &[id]);
        duel.run(30);
    }
}

#[test]
fn a_neighbour_that_acknowledges_nothing_and_does_not_answer_is_given_up() {
    let mut duel = Duel::new();
    duel.answers = false;
    duel.broadcast();
    duel.run(5);
    assert!(duel.lab.nodes[&1].stats().broadcast_links_lost > 0);
    assert!(duel.heard[usize::from(tag::PUSH)] <= 2);
    assert!(duel.drops > 0, "it is told so");
    // It accepts again and again, there is nobody else: that costs little.
    let before = duel.bytes_out;
    duel.run(60);
    assert!(duel.bytes_out - before < 60 * 200, "{} bytes in a minute", duel.bytes_out - before);
}

#[test]
fn a_member_that_asks_for_a_link_again_and_again_has_one_and_gets_no_more_than_answers() {
    let mut duel = Duel::new();
    for token in 0..1000 {
        duel.link(LinkKind::Request, token);
        duel.pump();
    }
    assert_eq!(duel.lab.node(1).neighbours().count(), 1);
    assert!(duel.heard[usize::from(tag::LINK)] <= 1001, "{} answers", duel.heard[usize::from(tag::LINK)]);
    assert!(duel.bytes_out <= duel.bytes_in, "{} bytes for {}", duel.bytes_out, duel.bytes_in);
}

#[test]
fn a_packet_of_many_sections_of_one_that_is_no_neighbour_is_answered_by_one_drop() {
    let mut duel = Duel::new();
    duel.link(LinkKind::Drop, 0);
    // Before the node asks for the link again.
    let many = packet(duel.evil, true, |w| {
        (0..300).for_each(|_| w.section(tag::GRAFT, |_| Ok(())).expect("room"));
    });
    duel.lab.forge(EVIL, 1, &many).expect("a packet");
    duel.lab.settle();
    assert!(duel.lab.outside.len() <= 1, "{} answers", duel.lab.outside.len());
    assert_eq!(duel.lab.nodes[&1].stats().broadcast_strangers, 300);
}
