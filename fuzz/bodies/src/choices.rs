//! Sections out of a fuzzer's choices: well-formed, of every kind, with any values.

use gossip_core::wire::broadcast::{
    Announcement, Body, Class, Content, MAX_AFTER, MAX_MESSAGE_KEY, MAX_TOPIC, Message, Order, Pushed, Rumour, ShortId,
    TopicHash, Wanted,
};
use gossip_core::wire::bulk::{MAX_PARTS, Part, Run};
use gossip_core::wire::direct::{Answer, Message as Direct, PORTS};
use gossip_core::wire::kv::{Entry, Fetch, MAX_KEY, Part as KvPart, State};
use gossip_core::wire::membership::{
    Claim, Coordinate, Join, Notice, Ping, PingReply, PingRequest, Probe, Profile, Record, Suspicion, Welcome,
};
use gossip_core::wire::overlay::{Advert, LinkKind, LinkSection};
use gossip_core::wire::tag;

use crate::input::Input;
use crate::sections::{Model, Seen};

/// Items that are written into one list at most.
const MAX_ITEMS: usize = 40;
/// The sections that are lists of short ids.
const SHORT_IDS: [u8; 8] = [
    tag::MESSAGE_RECENT,
    tag::PUSH_ACK,
    tag::PRUNE,
    tag::IHAVE,
    tag::GRAFT,
    tag::ASK,
    tag::GRAFT_NAMED,
    tag::BODY_WANT,
];

impl<'a> Model<'a> {
    /// What stands under which number is what the corpora mean by it.
    pub(crate) fn choose(input: &mut Input<'a>) -> Self {
        match input.below(51) {
            kind @ (14..=16 | 29..=41 | 48) => Self::broadcast(kind, input),
            kind @ (43..=47 | 49 | 50) => Self::comparison(kind, input),
            kind @ 17..=24 => Self::map_or_direct(kind, input),
            kind => Self::membership(kind, input),
        }
    }

    fn membership(kind: usize, input: &mut Input<'a>) -> Self {
        match kind {
            0 => Self::Ping(Ping { probe: probe(input), promise: u16::from_be_bytes(input.array()) }),
            1 => Self::Ack(probe(input)),
            2 => Self::PingRequest(PingRequest { number: input.u32(), target: input.id() }),
            3 => Self::PingReply(PingReply { number: input.u32(), answered: input.flag() }),
            4 => Self::Join(Join { cookie: input.number(), record: record(input) }),
            5 => Self::Cookie(input.number()),
            6 => Self::Welcome(Welcome { live: input.number(), generation: input.number() }),
            7 => Self::WhoAreYou,
            8 | 9 => Self::Updates(many(input, record)),
            10 => {
                let log = input.below(9) as u8;
                Self::Digest(log, (0..3 << log).map(|_| input.byte()).collect())
            }
            11 => Self::page(input),
            12 => Self::ProfileRequest(many(input, Input::id)),
            13 => Self::Profile(Profile {
                member: input.identity(),
                version: input.number(),
                metadata: input.bytes(512),
                hints: input.bytes(256),
                zone: input.bytes(32),
            }),
            25 => Self::Suspicion(Suspicion { suspect: input.identity(), age: input.byte(), patience: input.byte() }),
            26 => Self::Notices(many(input, |input| Notice { name: input.u32(), incarnation: input.number() })),
            27 => Self::RecordRequest(many(input, Input::u32)),
            28 => Self::Coordinate(Coordinate {
                position: [(); 3].map(|()| i16::from_be_bytes(input.array())),
                height: input.byte(),
                error: input.byte(),
            }),
            _ => Self::Veto(input.identity()),
        }
    }

    fn broadcast(kind: usize, input: &mut Input<'a>) -> Self {
        match kind {
            14 => Self::Messages(many(input, message)),
            15 => Self::Announcements(many(input, announcement)),
            16 => Self::Wanted(many(input, wanted)),
            29 => Self::Link(LinkSection {
                kind: LinkKind::ALL[input.below(LinkKind::ALL.len())],
                token: u16::from_be_bytes(input.array()),
            }),
            30 => Self::Advert(advert(input)),
            31 => Self::Push(many(input, pushed)),
            32 => Self::Ids(SHORT_IDS[input.below(SHORT_IDS.len())], many(input, |input| ShortId(input.u32()))),
            33 => Self::Compare(many(input, announcement)),
            34 => Self::Fingerprint(input.u32()),
            35 => Self::HaveRuns(ShortId(input.u32()), many(input, run)),
            36 => {
                Self::HaveBits(ShortId(input.u32()), 8 * input.below(MAX_PARTS as usize / 8) as u32, input.bytes(255))
            }
            37 => Self::Get(ShortId(input.u32()), many(input, run)),
            38 => Self::Part(Part {
                body: ShortId(input.u32()),
                number: input.below(MAX_PARTS as usize) as u32,
                sent: u16::from_be_bytes(input.array()),
                bytes: input.bytes(255),
            }),
            39 => {
                let (token, mut ids) = (u16::from_be_bytes(input.array()), many(input, |input| ShortId(input.u32())));
                ids.push(ShortId(7));
                Self::ReceiptAsked(token, ids)
            }
            40 => {
                let (token, bits) = (u16::from_be_bytes(input.array()), input.bytes(8));
                Self::ReceiptSaid(token, if bits.is_empty() { &[1] } else { bits })
            }
            48 => {
                let mut topics: Vec<u32> = many(input, Input::u32);
                topics.sort_unstable();
                topics.dedup();
                let topics = topics.into_iter().map(TopicHash).collect();
                Self::Interests(input.flag(), input.flag().then_some(topics))
            }
            _ => Self::Rumours(many(input, |input| Rumour {
                message: ShortId(input.u32()),
                counter: input.byte(),
                age: input.byte(),
            })),
        }
    }

    fn map_or_direct(kind: usize, input: &mut Input<'a>) -> Self {
        match kind {
            17 => Self::Entries(many(input, entry)),
            18 => {
                let (after, cut, reply) = (input.flag().then(|| input.identity()), input.flag(), input.flag());
                let writers = many(input, seen);
                let fingerprints = (input.number(), input.number());
                Self::Context { fingerprints, after, cut: cut && !writers.is_empty(), reply, writers }
            }
            19 => Self::Summary(input.number()),
            20 => Self::delta(input),
            21 => Self::Question(input.identity()),
            22 => Self::Answer(seen(input)),
            23 => Self::Direct(Direct {
                to: input.u32(),
                port: input.below(PORTS.into()) as u8,
                sequence: input.counter(),
                payload: input.bytes(255),
            }),
            _ => Self::Answers(
                input.u32(),
                many(input, |input| Answer { sequence: input.counter(), taken: input.flag() }),
            ),
        }
    }

    fn comparison(kind: usize, input: &mut Input<'a>) -> Self {
        match kind {
            43 => Self::Comparison(tag::KV_QUESTION, input.bytes(255)),
            44 => Self::Comparison(tag::KV_ANSWER, input.bytes(255)),
            45 => Self::Comparison(tag::KV_WANTS, input.bytes(255)),
            49 => Self::KvPart(KvPart {
                writer: input.identity(),
                counter: input.counter(),
                expires: input.flag().then(|| input.number().min(u64::MAX - 1)),
                total: input.number() as usize,
                sum: input.number(),
                number: input.number() as usize,
                bytes: input.bytes(255),
            }),
            50 => Self::Fetch(Fetch {
                writer: input.identity(),
                counter: input.counter(),
                first: input.number() as usize,
                mask: input.u32(),
            }),
            _ => Self::States { wants_answer: input.flag(), entries: many(input, entry) },
        }
    }

    fn page(input: &mut Input<'a>) -> Self {
        let (a, b) = if input.flag() { (0, u32::MAX) } else { (input.u32(), input.u32()) };
        Self::Page { answer: input.flag(), first: a.min(b), last: a.max(b), records: many(input, record) }
    }

    fn delta(input: &mut Input<'a>) -> Self {
        let (more, writer) = (input.flag(), input.identity());
        let (a, b) = (input.number(), input.number());
        let (after, through) = if a == b { (0, b.max(1)) } else { (a.min(b), a.max(b)) };
        let mut entries: Vec<Entry<'a>> = many(input, entry);
        let mut last = after;
        entries.retain_mut(|entry| {
            entry.writer = writer;
            let fits = entry.counter <= through - last;
            if fits {
                last += entry.counter;
                entry.counter = last;
            }
            fits
        });
        Self::Delta { more, writer, after, through, entries }
    }
}

fn many<'a, T>(input: &mut Input<'a>, one: impl Fn(&mut Input<'a>) -> T) -> Vec<T> {
    (0..input.below(MAX_ITEMS)).map_while(|_| (!input.is_empty()).then(|| one(input))).collect()
}

fn run(input: &mut Input<'_>) -> Run {
    Run { gap: input.u32(), more: input.u32() }
}

fn probe(input: &mut Input<'_>) -> Probe {
    Probe { number: input.u32(), fingerprint: input.u32() }
}

fn record(input: &mut Input<'_>) -> Record<u64> {
    let (member, incarnation) = (input.identity(), input.number());
    let claim = match input.below(3) {
        0 => Claim::Alive,
        1 => Claim::Down { by: input.id() },
        _ => Claim::Left,
    };
    Record { member, incarnation, claim, addr: input.number(), profile: input.number().min(incarnation) }
}

fn message<'a>(input: &mut Input<'a>) -> Message<'a> {
    Message {
        origin: input.identity(),
        sequence: input.counter(),
        class: class(input),
        age: if input.flag() { u16::from_be_bytes(input.array()) } else { 0 },
        body: body(input),
    }
}

/// What fits any sequence number.
fn body<'a>(input: &mut Input<'a>) -> Body<'a> {
    let choices = input.byte();
    let chosen = |bit: u8| choices >> bit & 1 == 1;
    if chosen(0) {
        let topic = TopicHash(if chosen(4) { input.u32() } else { 0 });
        return if chosen(4) { Body::LeftOut { topic } } else { Body::Withdrawn { back: 0 } };
    }
    let order = chosen(1).then(|| {
        let after = input.bytes(4 * MAX_AFTER);
        Order { previous: 0, after: &after[..after.len() / 4 * 4] }
    });
    Body::Content(Content {
        expires: if chosen(2) { input.u32() } else { 0 },
        key: if chosen(3) { input.bytes(MAX_MESSAGE_KEY) } else { &[] },
        order,
        in_parts: input.flag(),
        hops: input.u32(),
        topic: input.bytes(MAX_TOPIC),
        payload: input.bytes(255),
    })
}

fn pushed<'a>(input: &mut Input<'a>) -> Pushed<'a> {
    let (origin, message) = (input.u32(), message(input));
    let Message { sequence, class, age, body, .. } = message;
    Pushed { origin, sequence, class, age, body }
}

fn class(input: &mut Input<'_>) -> Class {
    Class::ALL[input.below(Class::ALL.len())]
}

fn advert(input: &mut Input<'_>) -> Advert {
    Advert {
        parent: input.flag(),
        child: input.flag(),
        hurry: input.flag(),
        root: input.u32(),
        round: u16::from_be_bytes(input.array()),
        distance: input.flag().then(|| input.u32()),
    }
}

fn announcement(input: &mut Input<'_>) -> Announcement {
    let (origin, first) = (input.identity(), input.counter());
    Announcement { origin, first, last: first.saturating_add(input.number()) }
}

fn wanted(input: &mut Input<'_>) -> Wanted {
    let (origin, first, more) = (input.identity(), input.counter(), input.number());
    let room = u64::MAX - first;
    Wanted { origin, first, more: if room < 64 { more & ((1 << room) - 1) } else { more } }
}

fn entry<'a>(input: &mut Input<'a>) -> Entry<'a> {
    Entry {
        writer: input.identity(),
        counter: input.counter(),
        own: input.flag(),
        expires: input.flag().then(|| input.number()),
        key: input.bytes(MAX_KEY),
        state: match input.below(5) {
            0 => State::Deleted,
            1 => State::Gone,
            2 => State::Full(input.bytes(255)),
            _ => State::Value { stamp: input.number(), value: input.bytes(255) },
        },
    }
}

fn seen(input: &mut Input<'_>) -> Seen {
    let writer = input.identity();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for _ in 0..input.below(6) {
        let after = runs.last().map_or(Some(1), |run| run.1.checked_add(2));
        let first = after.and_then(|after| after.checked_add(input.number()));
        let Some(first) = first else { break };
        runs.push((first, first.saturating_add(input.number())));
    }
    Seen { writer, runs }
}
