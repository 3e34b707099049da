//! What is read is what was written, and has one encoding.

use gossip_core::wire::bulk::{Have, Held};
use gossip_core::wire::{
    ClusterKey, NoSpace, Packet, Section, Sender, Writer, broadcast, bulk, direct, kv, membership, tag,
};
use gossip_core::{Identity, NodeId};

use crate::input::Input;
use crate::sections::{Model, Seen};
use crate::{LABELS, fix_checksum};

/// The bytes twice: as a packet, which is written again if it is one; and as choices of what to write, which is then read.
///
/// # Panics
/// If a packet has two encodings, or if what is read is not what was written.
pub fn identity(bytes: &[u8]) {
    let mut input = Input(bytes);
    let key = ClusterKey::new(LABELS[input.below(LABELS.len())]);
    let mut packet = input.0.to_vec();
    fix_checksum(&key, &mut packet);
    write_again(&key, &packet);
    read_again(&key, &mut input);
}

fn write_again(key: &ClusterKey, bytes: &[u8]) {
    let Ok(packet) = Packet::decode::<u64>(key, bytes) else { return };
    let (sender, full) = match packet.sender() {
        Sender::Full(sender) => (sender, true),
        // Whose short name that is cannot be told here: somebody's who is not listed, and put back after writing.
        Sender::Short(_) => {
            let mut ids = (0..=255).map(|byte| [byte; 16]);
            let free = ids.find(|id| !bytes.windows(16).any(|other| other == id)).expect("a short input");
            (Identity::new(NodeId::from_bytes(free), 1), false)
        }
    };
    let sections: Vec<Section<'_, u64>> = packet.sections(sender.id).collect();
    if sections.iter().any(|section| matches!(section, Section::Unknown(..))) {
        return;
    }
    let (mut ids, mut buf) = (Vec::new(), vec![0; bytes.len() + 64]);
    let mut writer = Writer::new(&mut buf, &mut ids, key, sender, full).expect("room for a header");
    if packet.takes_frames() {
        writer.take_frames();
    }
    for section in &sections {
        section.write(&mut writer).expect("room for what was read");
    }
    let len = writer.finish(key);
    let again = &mut buf[..len];
    if !full {
        again[5..9].copy_from_slice(&bytes[5..9]);
        fix_checksum(key, again);
    }
    assert_eq!(again, bytes, "written again");
}

fn read_again(key: &ClusterKey, input: &mut Input<'_>) {
    let (sender, full) = (input.identity(), input.flag());
    let room = [1200, 508, 65_507, input.below(256)][input.below(4)];
    let (mut ids, mut buf) = (Vec::new(), vec![0; room]);
    let Ok(mut writer) = Writer::new(&mut buf, &mut ids, key, sender, full) else { return };
    let mut written: Vec<Model<'_>> = Vec::new();
    while !input.is_empty() && written.len() < 64 {
        let model = Model::choose(input);
        if model.is_conversation() && written.iter().any(Model::is_conversation) {
            continue;
        }
        let (before, left) = (writer.len(), writer.room());
        match model.write(&mut writer) {
            Ok(()) => written.push(model),
            Err(NoSpace) => assert_eq!((writer.len(), writer.room()), (before, left), "nothing stays"),
        }
    }
    let expected = writer.len();
    let len = writer.finish(key);
    assert!(len == expected && len <= room, "{len} bytes, {expected} expected, {room} allowed");
    let packet = Packet::decode::<u64>(key, &buf[..len]).expect("what was written can be read");
    let named = if full { Sender::Full(sender) } else { Sender::Short(key.short(sender)) };
    assert_eq!(packet.sender(), named);
    let read: Vec<Model<'_>> = packet.sections::<u64>(sender.id).map(|section| model_of(&section)).collect();
    assert_eq!(read, written);
}

/// A section as it was read.
fn model_of<'a>(section: &Section<'a, u64>) -> Model<'a> {
    match section {
        Section::Membership(section) => model_of_membership(section),
        Section::Broadcast(section) => match section {
            broadcast::Section::Messages(list) => Model::Messages(list.iter().collect()),
            broadcast::Section::Digest(list) => Model::Announcements(list.iter().collect()),
            broadcast::Section::Compare(list) => Model::Compare(list.iter().collect()),
            broadcast::Section::Fingerprint(fingerprint) => Model::Fingerprint(*fingerprint),
            broadcast::Section::Receipt(broadcast::Receipt::Question { token, ids }) => {
                Model::ReceiptAsked(*token, ids.iter().collect())
            }
            broadcast::Section::Receipt(broadcast::Receipt::Answer { token, bits }) => Model::ReceiptSaid(*token, bits),
            broadcast::Section::Pull(list) => Model::Wanted(list.iter().collect()),
            broadcast::Section::Rumours(list) => Model::Rumours(list.iter().collect()),
            broadcast::Section::Interests(told) => {
                Model::Interests(told.of_answer, told.topics.map(|topics| topics.iter().collect()))
            }
            broadcast::Section::Link(link) => Model::Link(*link),
            broadcast::Section::Advert(advert) => Model::Advert(*advert),
            broadcast::Section::Push(list) => Model::Push(list.iter().collect()),
            broadcast::Section::Recent(ids)
            | broadcast::Section::Ack(ids)
            | broadcast::Section::Prune(ids)
            | broadcast::Section::IHave(ids)
            | broadcast::Section::Graft(ids)
            | broadcast::Section::Ask(ids)
            | broadcast::Section::GraftNamed(ids) => Model::Ids(section.tag(), ids.iter().collect()),
        },
        Section::Bulk(bulk::Section::Want(ids)) => Model::Ids(tag::BODY_WANT, ids.iter().collect()),
        Section::Bulk(bulk::Section::Have(Have { body, held: Held::Runs(runs) })) => {
            Model::HaveRuns(*body, runs.iter().collect())
        }
        Section::Bulk(bulk::Section::Have(Have { body, held: Held::Bits { first, bits } })) => {
            Model::HaveBits(*body, *first, bits)
        }
        Section::Bulk(bulk::Section::Get(get)) => Model::Get(get.body, get.runs.iter().collect()),
        Section::Bulk(bulk::Section::Part(part)) => Model::Part(*part),
        Section::Direct(direct::Section::Message(message)) => Model::Direct(*message),
        Section::Direct(direct::Section::Answers(all)) => Model::Answers(all.to, all.answers.iter().collect()),
        Section::Kv(section) => match section {
            kv::Section::Entries(list) => Model::Entries(list.iter().collect()),
            kv::Section::Summary(fingerprint) => Model::Summary(*fingerprint),
            kv::Section::Context(kv::ContextPage { fingerprints, after, cut, reply, writers }) => {
                let writers = writers.iter().map(|seen| Seen { writer: seen.writer, runs: seen.runs().collect() });
                let (fingerprints, after) = (*fingerprints, *after);
                Model::Context { fingerprints, after, cut: *cut, reply: *reply, writers: writers.collect() }
            }
            kv::Section::Delta(delta) => Model::Delta {
                more: delta.more,
                writer: delta.writer,
                after: delta.after,
                through: delta.through,
                entries: delta.entries().collect(),
            },
            kv::Section::Receipt(kv::Receipt::Question(writer)) => Model::Question(*writer),
            kv::Section::Receipt(kv::Receipt::Answer(seen)) => {
                Model::Answer(Seen { writer: seen.writer, runs: seen.runs().collect() })
            }
            kv::Section::Question(bytes) | kv::Section::Answer(bytes) | kv::Section::Wants(bytes) => {
                Model::Comparison(section.tag(), bytes)
            }
            kv::Section::States(kv::States { wants_answer, entries }) => {
                Model::States { wants_answer: *wants_answer, entries: entries.iter().collect() }
            }
            kv::Section::Part(part) => Model::KvPart(*part),
            kv::Section::Fetch(fetch) => Model::Fetch(*fetch),
        },
        Section::Unknown(tag, _) => panic!("tag {tag} was not written"),
    }
}

fn model_of_membership<'a>(section: &membership::Section<'a, u64>) -> Model<'a> {
    use membership::Section;
    match section {
        Section::Ping(ping) => Model::Ping(*ping),
        Section::Ack(probe) => Model::Ack(*probe),
        Section::PingRequest(request) => Model::PingRequest(*request),
        Section::PingReply(reply) => Model::PingReply(*reply),
        Section::Join(join) => Model::Join(*join),
        Section::Cookie(cookie) => Model::Cookie(*cookie),
        Section::Welcome(welcome) => Model::Welcome(*welcome),
        Section::WhoAreYou => Model::WhoAreYou,
        Section::Updates(list) => Model::Updates(list.iter().collect()),
        Section::TableDigest(digest) => Model::Digest(digest.log_buckets, digest.hashes.to_vec()),
        Section::TablePage(page) => Model::Page {
            answer: page.answer,
            first: page.first,
            last: page.last,
            records: page.records.iter().collect(),
        },
        Section::ProfileRequest(ids) => Model::ProfileRequest(ids.iter().collect()),
        Section::Profile(profile) => Model::Profile(*profile),
        Section::Suspicion(suspicion) => Model::Suspicion(*suspicion),
        Section::Veto(member) => Model::Veto(*member),
        Section::Notices(list) => Model::Notices(list.iter().collect()),
        Section::RecordRequest(list) => Model::RecordRequest(list.iter().collect()),
        Section::Coordinate(coordinate) => Model::Coordinate(*coordinate),
    }
}
