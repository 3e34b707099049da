//! Says in words what a section holds: a line for itself, then one for each of its items.

use std::fmt::{Display, Write as _};

use gossip_core::wire::broadcast::{
    Announcement, Body, Class, Content, Interests, Receipt as Asked, Section as Broadcast, ShortId,
};
use gossip_core::wire::bulk::{Get, Have, Held, Part, Run, Section as Bulk};
use gossip_core::wire::direct::Section as Direct;
use gossip_core::wire::kv::{
    ContextPage, Delta, Entry, Fetch, Part as KvPart, Receipt, Section as Kv, Seen, State, States,
};
use gossip_core::wire::membership::{Claim, Coordinate, Ping, Record, Section as Membership, Suspicion};
use gossip_core::wire::overlay::{Advert, LinkSection};
use gossip_core::wire::{List, Section};
use gossip_core::{Identity, NodeId, Peer};

/// What an id is called.
type Names<'n> = &'n dyn Fn(NodeId) -> String;

pub(crate) fn of<P: Peer + Display>(section: &Section<'_, P>, names: Names<'_>) -> Vec<String> {
    match section {
        Section::Membership(section) => membership(section, names),
        Section::Broadcast(section) => broadcast(section, names),
        Section::Bulk(section) => bulk(section),
        Section::Kv(section) => kv(section, names),
        Section::Direct(section) => direct(section),
        Section::Unknown(tag, body) => vec![format!("unknown tag={tag} body={}", hex(body))],
    }
    .into_iter()
    .collect()
}

fn membership<P: Peer + Display>(section: &Membership<'_, P>, names: Names<'_>) -> Vec<String> {
    let records = |head: String, list: &List<'_, Record<P>>| {
        items(head, list.iter().map(|r| format!("record {}", record(&r, names))))
    };
    match section {
        Membership::Ping(Ping { probe, promise }) => {
            vec![format!("ping number={:08x} fingerprint={:08x} promise={promise}", probe.number, probe.fingerprint)]
        }
        Membership::Ack(probe) => {
            vec![format!("ack number={:08x} fingerprint={:08x}", probe.number, probe.fingerprint)]
        }
        Membership::PingRequest(request) => {
            vec![format!("ping_request number={:08x} target={}", request.number, names(request.target))]
        }
        Membership::PingReply(reply) => {
            let outcome = if reply.answered { "answered" } else { "silent" };
            vec![format!("ping_reply number={:08x} {outcome}", reply.number)]
        }
        Membership::Join(join) => {
            items(format!("join cookie={:016x}", join.cookie), [format!("record {}", record(&join.record, names))])
        }
        Membership::Cookie(cookie) => vec![format!("cookie {cookie:016x}")],
        Membership::Welcome(welcome) => {
            vec![format!("welcome live={} generation={}", welcome.live, welcome.generation)]
        }
        Membership::WhoAreYou => vec!["who_are_you".into()],
        Membership::Updates(list) => records("updates".into(), list),
        Membership::TableDigest(digest) => {
            vec![format!("table_digest log_buckets={} hashes={}", digest.log_buckets, hex(digest.hashes))]
        }
        Membership::TablePage(page) => {
            let answer = if page.answer { " answer" } else { "" };
            records(format!("table_page{answer} first={:08x} last={:08x}", page.first, page.last), &page.records)
        }
        Membership::ProfileRequest(ids) => {
            items("profile_request".into(), ids.iter().map(|id| format!("id {}", names(id))))
        }
        Membership::Profile(profile) => vec![format!(
            "profile {} version={} metadata={} hints={} zone={}",
            identity(profile.member, names),
            profile.version,
            bytes(profile.metadata),
            bytes(profile.hints),
            bytes(profile.zone),
        )],
        Membership::Suspicion(suspicion) => {
            let Suspicion { suspect, age, patience } = suspicion;
            vec![format!("suspicion {} age={age} patience={patience}", identity(*suspect, names))]
        }
        Membership::Veto(member) => vec![format!("veto {}", identity(*member, names))],
        Membership::Coordinate(Coordinate { position: [x, y, z], height, error }) => {
            vec![format!("coordinate position={x},{y},{z} height={height} error={error}")]
        }
        Membership::Notices(list) => items(
            "notices".into(),
            list.iter().map(|notice| format!("notice {:08x} incarnation={}", notice.name, notice.incarnation)),
        ),
        Membership::RecordRequest(list) => {
            items("record_request".into(), list.iter().map(|name| format!("name {name:08x}")))
        }
    }
}

fn broadcast(section: &Broadcast<'_>, names: Names<'_>) -> Vec<String> {
    match section {
        Broadcast::Messages(list) => items(
            "messages".into(),
            list.iter().map(|m| message(&identity(m.origin, names), m.sequence, m.class, m.age, &m.body)),
        ),
        Broadcast::Digest(list) => announcements("message_digest", list, names),
        Broadcast::Compare(list) => announcements("message_compare", list, names),
        Broadcast::Receipt(Asked::Question { token, ids }) => {
            short_ids(&format!("message_receipt? token={token:04x}"), ids)
        }
        Broadcast::Receipt(Asked::Answer { token, bits }) => {
            vec![format!("message_receipt token={token:04x} bits={}", hex(bits))]
        }
        Broadcast::Fingerprint(fingerprint) => vec![format!("message_fingerprint {fingerprint:08x}")],
        Broadcast::Pull(list) => items(
            "message_pull".into(),
            list.iter().map(|wanted| {
                let sequences: Vec<String> = wanted.sequences().map(|sequence| sequence.to_string()).collect();
                format!("wants {} sequences={}", identity(wanted.origin, names), sequences.join(","))
            }),
        ),
        Broadcast::Interests(Interests { of_answer, topics }) => {
            let of = if *of_answer { " of_answer" } else { "" };
            match topics {
                None => vec![format!("interests{of} all")],
                Some(topics) => {
                    items(format!("interests{of}"), topics.iter().map(|topic| format!("topic {:08x}", topic.0)))
                }
            }
        }
        Broadcast::Link(LinkSection { kind, token }) => vec![format!("link {kind:?} token={token:04x}")],
        Broadcast::Advert(advert) => vec![tree_advert(advert)],
        Broadcast::Push(list) => items(
            "push".into(),
            list.iter().map(|m| message(&format!("{:08x}", m.origin), m.sequence, m.class, m.age, &m.body)),
        ),
        Broadcast::Rumours(list) => items(
            "rumours".into(),
            list.iter().map(|r| format!("rumour {:08x} counter={} age={}", r.message.0, r.counter, r.age)),
        ),
        Broadcast::Recent(ids) => short_ids("message_recent", ids),
        Broadcast::Ack(ids) => short_ids("push_ack", ids),
        Broadcast::Prune(ids) => short_ids("prune", ids),
        Broadcast::IHave(ids) => short_ids("ihave", ids),
        Broadcast::Graft(ids) => short_ids("graft", ids),
        Broadcast::Ask(ids) => short_ids("ask", ids),
        Broadcast::GraftNamed(ids) => short_ids("graft_named", ids),
    }
}

fn message(origin: &str, sequence: u64, class: Class, age: u16, body: &Body<'_>) -> String {
    let head = format!("message {origin} sequence={sequence} class={class:?} age={age}");
    let Content { expires, key, order, in_parts, hops, topic, payload } = match body {
        Body::Content(content) => *content,
        Body::Withdrawn { back } => return format!("{head} withdrawn back={back}"),
        Body::LeftOut { topic } => return format!("{head} left_out topic={:08x}", topic.0),
    };
    let expires = if expires > 0 { format!(" expires={expires}") } else { String::new() };
    let key = if key.is_empty() { String::new() } else { format!(" key={}", bytes(key)) };
    let order = order.map_or_else(String::new, |order| {
        let after: String = order.after().map(|id| format!(",{:08x}", id.0)).collect();
        format!(" after={}{after}", order.previous)
    });
    let parts = if in_parts { " in_parts" } else { "" };
    format!("{head}{expires}{key}{order}{parts} hops={hops} topic={} payload={}", bytes(topic), bytes(payload))
}

fn announcements(head: &str, list: &List<'_, Announcement>, names: Names<'_>) -> Vec<String> {
    let holds = |a: Announcement| format!("holds {} first={} last={}", identity(a.origin, names), a.first, a.last);
    items(head.into(), list.iter().map(holds))
}

fn tree_advert(advert: &Advert) -> String {
    let Advert { parent, child, hurry, root, round, distance } = advert;
    let flag = |set: &bool, word: &'static str| if *set { word } else { "" };
    let flags = [flag(parent, " to_parent"), flag(child, " to_child"), flag(hurry, " hurry")].concat();
    let distance = distance.map_or_else(|| "none".into(), |distance| distance.to_string());
    format!("tree_advert{flags} root={root:08x} round={round} distance={distance}")
}

fn short_ids(head: &str, ids: &List<'_, ShortId>) -> Vec<String> {
    items(head.into(), ids.iter().map(|id| format!("message {:08x}", id.0)))
}

fn bulk(section: &Bulk<'_>) -> Vec<String> {
    let runs = |head: String, list: &List<'_, Run>| {
        items(head, list.iter().map(|run| format!("run gap={} more={}", run.gap, run.more)))
    };
    match section {
        Bulk::Want(ids) => short_ids("body_want", ids),
        Bulk::Have(Have { body, held: Held::Runs(list) }) => runs(format!("body_have {:08x}", body.0), list),
        Bulk::Have(Have { body, held: Held::Bits { first, bits } }) => {
            vec![format!("body_have {:08x} first={first} bits={}", body.0, hex(bits))]
        }
        Bulk::Get(Get { body, runs: list }) => runs(format!("body_get {:08x}", body.0), list),
        Bulk::Part(part) => {
            let Part { body, number, sent, bytes: content } = part;
            vec![format!("body_part {:08x} number={number} sent={sent} bytes={}", body.0, bytes(content))]
        }
    }
}

fn kv(section: &Kv<'_>, names: Names<'_>) -> Vec<String> {
    let told = |e: Entry<'_>| format!("entry {}", entry(&e, names));
    let entries = |head: String, list: &List<'_, Entry<'_>>| items(head, list.iter().map(told));
    match section {
        Kv::Entries(list) => entries("kv_entries".into(), list),
        Kv::Summary(fingerprint) => vec![format!("kv_summary {fingerprint:016x}")],
        Kv::Context(ContextPage { fingerprints: (seen, held), after, cut, reply, writers }) => {
            let mut head = format!("kv_context seen={seen:016x} held={held:016x}");
            head += if *cut { " cut" } else { "" };
            head += if *reply { " reply" } else { "" };
            head += &after.map_or_else(String::new, |after| format!(" after={}", life(after, names)));
            items(head, writers.iter().map(|s| format!("seen {} runs={}", life(s.writer, names), runs(&s))))
        }
        Kv::Delta(delta) => {
            let Delta { more, writer, after, through, .. } = *delta;
            let more = if more { " more" } else { "" };
            let head = format!("kv_delta{more} {} after={after} through={through}", life(writer, names));
            items(head, delta.entries().map(told))
        }
        Kv::Receipt(Receipt::Question(writer)) => vec![format!("kv_receipt? {}", life(*writer, names))],
        Kv::Receipt(Receipt::Answer(seen)) => {
            vec![format!("kv_receipt {} runs={}", life(seen.writer, names), runs(seen))]
        }
        Kv::Question(question) => vec![format!("kv_question {}", hex(question))],
        Kv::Answer(answer) => vec![format!("kv_answer {}", hex(answer))],
        Kv::Wants(wants) => vec![format!("kv_wants {}", hex(wants))],
        Kv::States(States { wants_answer, entries: list }) => {
            entries(if *wants_answer { "kv_states?" } else { "kv_states" }.into(), list)
        }
        Kv::Part(KvPart { writer, counter, expires, total, sum, number, bytes: part }) => {
            let expires = expires.map_or_else(String::new, |left| format!(" expires={left}"));
            let of = format!("{} counter={counter}{expires}", life(*writer, names));
            vec![format!("kv_part {of} total={total} sum={sum:016x} number={number} bytes={}", hex(part))]
        }
        Kv::Fetch(Fetch { writer, counter, first, mask }) => {
            vec![format!("kv_fetch {} counter={counter} first={first} mask={mask:08x}", life(*writer, names))]
        }
    }
}

fn runs(seen: &Seen<'_>) -> String {
    let runs: Vec<String> = seen.runs().map(|(first, last)| format!("{first}-{last}")).collect();
    if runs.is_empty() { "none".into() } else { runs.join(",") }
}

fn direct(section: &Direct<'_>) -> Vec<String> {
    match section {
        Direct::Message(m) => {
            vec![format!("direct to={:08x} port={} sequence={} payload={}", m.to, m.port, m.sequence, bytes(m.payload))]
        }
        Direct::Answers(all) => items(
            format!("direct_ack to={:08x}", all.to),
            all.answers.iter().map(|answer| {
                let word = if answer.taken { "taken" } else { "full" };
                format!("answer sequence={} {word}", answer.sequence)
            }),
        ),
    }
}

fn items(head: String, items: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(head).chain(items.into_iter().map(|item| format!("  {item}"))).collect()
}

fn record<P: Peer + Display>(record: &Record<P>, names: Names<'_>) -> String {
    let Record { member, incarnation, claim, addr, profile } = record;
    let claim = match claim {
        Claim::Alive => "alive".into(),
        Claim::Down { by } => format!("down by={}", names(*by)),
        Claim::Left => "left".into(),
    };
    format!("{} incarnation={incarnation} {claim} addr={addr} profile={profile}", identity(*member, names))
}

fn entry(entry: &Entry<'_>, names: Names<'_>) -> String {
    let own = if entry.own { " own" } else { "" };
    let expires = entry.expires.map_or_else(String::new, |ms| format!(" expires={ms}"));
    let state = match entry.state {
        State::Value { stamp, value } => format!("stamp={stamp:016x} value={}", bytes(value)),
        State::Deleted => "deleted".into(),
        State::Gone => "gone".into(),
        State::Full(item) => format!("full={}", hex(item)),
    };
    let writer = life(entry.writer, names);
    format!("{writer} counter={}{own}{expires} key={} {state}", entry.counter, bytes(entry.key))
}

/// A member as a writer of the map.
fn life(writer: Identity, names: Names<'_>) -> String {
    format!("{} life={}", names(writer.id), writer.generation)
}

fn identity(identity: Identity, names: Names<'_>) -> String {
    format!("{} generation={}", names(identity.id), identity.generation)
}

/// Printable text in quotes, anything else in hexadecimal.
fn bytes(bytes: &[u8]) -> String {
    let plain = |byte: &u8| (b' '..0x7f).contains(byte) && !b"\"\\".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => format!("\"{text}\""),
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
