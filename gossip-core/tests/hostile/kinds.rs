//! One packet of each kind, from a stranger at address 99 that speaks of a victim at address 77.

use gossip_core::wire::broadcast::{Announcement, Class, Message, Pushed, Receipt as Asked, ShortId, Wanted};
use gossip_core::wire::direct::{Answer, Message as Direct};
use gossip_core::wire::kv::{Entry, Fetch, Part as KvPart, Previous, Receipt, State};
use gossip_core::wire::membership::{
    Claim, Join, Notice, Ping, PingReply, PingRequest, Probe, Profile, Record, Suspicion, Welcome,
};
use gossip_core::wire::overlay::{Advert, LinkKind, LinkSection};
use gossip_core::wire::{ClusterKey, NoSpace, Writer, tag};
use gossip_core::{Identity, NodeId};

use super::lab::{id, packet};

pub(crate) const STRANGER: u64 = 99;
pub(crate) const VICTIM: u64 = 77;

pub(crate) fn stranger() -> Identity {
    Identity::new(NodeId::from_name("stranger"), 1_700_000_000_001)
}

/// The node at an address, in its first life.
pub(crate) fn node(at: u64) -> Identity {
    Identity::new(id(at), 1_700_000_000_000)
}

/// What is said of a member.
pub(crate) fn record(member: Identity, incarnation: u64, claim: Claim, addr: u64) -> Record<u64> {
    Record { member, incarnation, claim, addr, profile: incarnation.min(1) }
}

/// The short name of the node at an address.
fn short(at: u64) -> u32 {
    ClusterKey::new("").short(Identity::new(id(at), 1_700_000_000_000))
}

pub(crate) fn section(w: &mut Writer<'_>, tag: u8, body: impl FnOnce(&mut Writer<'_>) -> Result<(), NoSpace>) {
    w.section(tag, body).expect("room for a section");
}

/// A packet and its name.
type Kind = (&'static str, Vec<u8>);
type Body<'a> = dyn Fn(&mut Writer<'_>) -> Result<(), NoSpace> + 'a;

/// All kinds, the stranger written in full or short.
pub(crate) fn all(full: bool) -> Vec<Kind> {
    [membership(full), broadcast(full), others(full)].concat()
}

fn one(full: bool, name: &'static str, tag: u8, body: &Body<'_>) -> Kind {
    (name, packet(stranger(), full, |w| section(w, tag, body)))
}

fn membership(full: bool) -> Vec<Kind> {
    let one = |name, tag, body: &Body<'_>| one(full, name, tag, body);
    let probe = Probe { number: 7, fingerprint: 8 };
    let me = record(stranger(), 1, Claim::Alive, STRANGER);
    let victim = record(Identity::new(NodeId::from_name("victim"), 1), 1, Claim::Alive, VICTIM);
    let accused = record(node(1), 0, Claim::Down { by: stranger().id }, 1);
    let profile = Profile { member: stranger(), version: 1, metadata: b"m", hints: b"h", zone: b"z" };
    vec![
        one("ping", tag::PING, &|w| w.item(&Ping { probe, promise: 0 })),
        one("ping with a promise", tag::PING, &|w| w.item(&Ping { probe, promise: 1 })),
        one("ack", tag::ACK, &|w| w.item(&probe)),
        one("ping_request", tag::PING_REQUEST, &|w| w.item(&PingRequest { number: 1, target: id(2) })),
        one("ping_reply", tag::PING_REPLY, &|w| w.item(&PingReply { number: 1, answered: true })),
        one("join", tag::JOIN, &|w| w.item(&Join { cookie: 0, record: me })),
        one("join with a cookie that is none", tag::JOIN, &|w| w.item(&Join { cookie: 1, record: me })),
        one("cookie", tag::COOKIE, &|w| w.u64(1)),
        one("welcome", tag::WELCOME, &|w| w.item(&Welcome { live: 5, generation: u64::MAX })),
        one("who_are_you", tag::WHO_ARE_YOU, &|_| Ok(())),
        one("updates", tag::UPDATES, &|w| [me, victim, accused].iter().try_for_each(|record| w.item(record))),
        one("table_digest", tag::TABLE_DIGEST, &|w| w.u8(8).and_then(|()| w.bytes(&[7; 768]))),
        one("table_page", tag::TABLE_PAGE, &|w| {
            w.u8(1)?;
            w.u32(0)?;
            w.u32(u32::MAX)?;
            [me, victim].iter().try_for_each(|record| w.item(record))
        }),
        one("profile_request", tag::PROFILE_REQUEST, &|w| [id(1), id(2)].iter().try_for_each(|id| w.item(id))),
        one("profile", tag::PROFILE, &|w| w.item(&profile)),
        one("suspicion", tag::SUSPICION, &|w| w.item(&Suspicion { suspect: node(2), age: u8::MAX, patience: 0 })),
        one("suspicion of the receiver", tag::SUSPICION, &|w| {
            w.item(&Suspicion { suspect: node(1), age: 1, patience: 0 })
        }),
        one("veto", tag::VETO, &|w| w.item(&node(2))),
        one("notices", tag::NOTICES, &|w| {
            (1..=50).try_for_each(|name| w.item(&Notice { name, incarnation: u64::MAX }))
        }),
        one("record_request", tag::RECORD_REQUEST, &|w| (1..=50).try_for_each(|name: u32| w.item(&name))),
        one("coordinate", tag::COORDINATE, &|w| w.u64(u64::MAX)),
        ("twenty pings", twenty_pings(full)),
        one("unknown", 100, &|w| w.bytes(&[1; 100])),
        one("many updates", tag::UPDATES, &|w| {
            (0..20).try_for_each(|at| {
                let member = Identity::new(NodeId::from_name(&format!("x{at}")), 1);
                w.item(&record(member, 1, Claim::Alive, if at % 2 == 0 { VICTIM } else { STRANGER }))
            })
        }),
    ]
}

fn broadcast(full: bool) -> Vec<Kind> {
    let one = |name, tag, body: &Body<'_>| one(full, name, tag, body);
    let message = Message::new(stranger(), 1, Class::Normal, b"t", b"p");
    let pushed = Pushed::new(7, 1, Class::Urgent, b"t", b"p");
    let advert = Advert { parent: true, child: true, hurry: true, root: 0, round: 7, distance: Some(0) };
    let held = Announcement { origin: stranger(), first: 1, last: u64::MAX };
    let link = |kind| LinkSection { kind, token: 7 };
    vec![
        one("messages", tag::MESSAGES, &|w| w.item(&message)),
        one("message_digest", tag::MESSAGE_DIGEST, &|w| w.item(&held)),
        one("message_pull", tag::MESSAGE_PULL, &|w| w.item(&Wanted { origin: node(1), first: 1, more: u64::MAX })),
        one("link, a probe", tag::LINK, &|w| w.item(&link(LinkKind::Probe))),
        one("link, a check", tag::LINK, &|w| w.item(&link(LinkKind::Check))),
        one("link, an echo", tag::LINK, &|w| w.item(&link(LinkKind::Echo))),
        one("link, a request", tag::LINK, &|w| w.item(&link(LinkKind::Request))),
        one("link, a plea", tag::LINK, &|w| w.item(&link(LinkKind::Plea))),
        one("link, an accept", tag::LINK, &|w| w.item(&link(LinkKind::Accept))),
        one("link, a release", tag::LINK, &|w| w.item(&link(LinkKind::Release))),
        one("tree_advert", tag::TREE_ADVERT, &|w| w.item(&advert)),
        one("push", tag::PUSH, &|w| w.item(&pushed)),
        one("push_ack", tag::PUSH_ACK, &|w| w.item(&ShortId(7))),
        one("prune", tag::PRUNE, &|w| w.item(&ShortId(7))),
        one("ihave", tag::IHAVE, &|w| (1..=50).try_for_each(|id| w.item(&ShortId(id)))),
        one("graft", tag::GRAFT, &|w| (1..=50).try_for_each(|id| w.item(&ShortId(id)))),
        one("ask", tag::ASK, &|w| (1..=50).try_for_each(|id| w.item(&ShortId(id)))),
        one("graft_named", tag::GRAFT_NAMED, &|w| (1..=50).try_for_each(|id| w.item(&ShortId(id)))),
        one("message_fingerprint", tag::MESSAGE_FINGERPRINT, &|w| w.u32(7)),
        one("message_compare", tag::MESSAGE_COMPARE, &|w| w.item(&held)),
        one("message_receipt, a question", tag::MESSAGE_RECEIPT, &|w| Asked::ask(7, &[ShortId(7); 64], w)),
        one("message_receipt, an answer", tag::MESSAGE_RECEIPT, &|w| Asked::answer(7, 64, u64::MAX, w)),
    ]
}

fn others(full: bool) -> Vec<Kind> {
    let one = |name, tag, body: &Body<'_>| one(full, name, tag, body);
    let state = State::Value { stamp: 1 << 40, value: b"v" };
    let entry = Entry { writer: stranger(), counter: 1, own: false, expires: None, key: b"k", state };
    let (writer, total) = (stranger(), 100_000);
    let part = KvPart { writer, counter: 1, expires: None, total, sum: 7, number: 0, bytes: b"" };
    let fetch = Fetch { writer: node(1), counter: 1, first: 0, mask: u32::MAX };
    let direct = Direct { to: short(1), port: 0, sequence: 1, payload: b"p" };
    vec![
        one("direct", tag::DIRECT, &|w| w.item(&direct)),
        one("direct_ack", tag::DIRECT_ACK, &|w| {
            w.u32(direct.to)?;
            w.item(&Answer { sequence: 1, taken: true })
        }),
        one("kv_entries", tag::KV_ENTRIES, &|w| w.item(&entry)),
        one("kv_summary", tag::KV_SUMMARY, &|w| w.u64(1)),
        one("kv_context", tag::KV_CONTEXT, &|w| w.bytes(&[0; 17])),
        one("kv_delta", tag::KV_DELTA, &|w| {
            w.u8(1)?;
            w.id(stranger().id)?;
            w.varint(stranger().generation)?;
            w.u64(0)?;
            w.u64(u64::MAX)?;
            Previous::new(0).write(&entry, w)
        }),
        one("kv_receipt", tag::KV_RECEIPT, &|w| w.item(&Receipt::Question(stranger()))),
        one("kv_receipt that answers", tag::KV_RECEIPT, &|w| {
            w.u8(1)?;
            w.id(id(1))?;
            w.varint(1_700_000_000_000)?;
            w.varint(u64::MAX)?;
            w.blob(&[])
        }),
        // A summary of nothing: what differs is all that the receiver holds.
        one("kv_question", tag::KV_QUESTION, &|w| w.bytes(&[0; 15])),
        // The same of a million items, of which it is told that all are different.
        one("kv_question of many", tag::KV_QUESTION, &|w| {
            w.bytes(&[0, 7, 0xc0, 0x84, 0x3d])?;
            w.bytes(&[1; 26])
        }),
        one("kv_question for cells", tag::KV_QUESTION, &|w| w.bytes(&[1, 0, 0xff, 0x0f])),
        one("kv_question that is none", tag::KV_QUESTION, &|w| w.bytes(&[7; 40])),
        one("kv_answer to nothing", tag::KV_ANSWER, &|w| w.u8(0)),
        one("kv_wants", tag::KV_WANTS, &|w| w.bytes(&[7; 40])),
        one("kv_states", tag::KV_STATES, &|w| w.u8(1).and_then(|()| w.item(&entry))),
        one("kv_states that are gone", tag::KV_STATES, &|w| {
            w.u8(1)?;
            w.item(&Entry { state: State::Gone, ..entry })
        }),
        one("kv_part, that there is one", tag::KV_PART, &|w| w.item(&part)),
        one("kv_part", tag::KV_PART, &|w| w.item(&KvPart { bytes: b"v", ..part })),
        one("kv_fetch", tag::KV_FETCH, &|w| w.item(&fetch)),
    ]
}

/// A packet that its writer would not make: sections that ask, one after the other.
fn twenty_pings(full: bool) -> Vec<u8> {
    packet(stranger(), full, |w| {
        (0..20).for_each(|_| section(w, tag::PING, |w| w.u64(7).and_then(|()| w.bytes(&[0; 2]))));
    })
}
