//! A packet of each kind, as nodes send it.

use std::net::SocketAddr;

use gossip_core::wire::membership::{
    Claim, Join, Ping, PingReply, PingRequest, Probe, Profile, Record, Section as Membership, Suspicion, TableDigest,
    Welcome,
};
use gossip_core::wire::{NoSpace, Section, Writer, broadcast, direct, kv, tag};

use crate::identity;
use crate::known::record;

/// A kind of packet and what writes its sections.
pub type Kind = (&'static str, fn(&mut Writer<'_>) -> Result<(), NoSpace>);

/// All kinds. Those whose name begins with `full` fill the packet.
pub const KINDS: &[Kind] = &[
    ("ping with summary", |w| steady(w, Membership::Ping(Ping { probe: PROBE, promise: 600 }))),
    ("ack with summary", |w| steady(w, Membership::Ack(PROBE))),
    ("ping request", |w| member(w, Membership::PingRequest(PingRequest { number: 7, target: identity(9).id }))),
    ("ping reply", |w| member(w, Membership::PingReply(PingReply { number: 7, answered: true }))),
    ("join", |w| member(w, Membership::Join(Join { cookie: 7, record: record(1) }))),
    ("cookie", |w| member(w, Membership::Cookie(7))),
    ("welcome", |w| member(w, Membership::Welcome(Welcome { live: 1000, generation: 7 }))),
    ("who are you", |w| member(w, Membership::WhoAreYou)),
    ("suspicion", |w| member(w, Membership::Suspicion(Suspicion { suspect: identity(9), age: 15, patience: 25 }))),
    ("veto", |w| member(w, Membership::Veto(identity(9)))),
    ("update, down", |w| {
        let down = Record { claim: Claim::Down { by: identity(8).id }, ..record(9) };
        w.section(tag::UPDATES, |w| w.item(&down))
    }),
    ("full of updates", |w| fill(w, tag::UPDATES, |w, at| w.item(&record(at)))),
    ("table digest, 128 buckets", |w| {
        member(w, Membership::TableDigest(TableDigest { log_buckets: 7, hashes: &[5; 3 << 7] }))
    }),
    ("full table page", |w| {
        w.section(tag::TABLE_PAGE, |w| {
            w.bytes(&[1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])?;
            items(w, |w, at| w.item(&record(at)));
            Ok(())
        })
    }),
    ("profile request", |w| w.section(tag::PROFILE_REQUEST, |w| (2..6).try_for_each(|at| w.id(identity(at).id)))),
    ("profile of 64 bytes", |w| {
        let profile = Profile { member: identity(9), version: 3, metadata: &[5; 64], hints: &[], zone: &[] };
        member(w, Membership::Profile(profile))
    }),
    ("broadcast message of 64 bytes", |w| w.section(tag::MESSAGES, |w| w.item(&message(9)))),
    ("full of broadcast messages", |w| fill(w, tag::MESSAGES, |w, at| w.item(&message(at)))),
    ("broadcast digest", |w| {
        let announced = |at| broadcast::Announcement { origin: identity(at), first: 1000, last: 1100 };
        w.section(tag::MESSAGE_DIGEST, |w| (2..8).try_for_each(|at| w.item(&announced(at))))
    }),
    ("broadcast pull", |w| {
        let wanted = broadcast::Wanted { origin: identity(9), first: 1000, more: 5 };
        w.section(tag::MESSAGE_PULL, |w| w.item(&wanted))
    }),
    ("direct message of 64 bytes", |w| {
        w.section(tag::DIRECT, |w| w.item(&direct::Message { to: 7, port: 0, sequence: 1000, payload: &[5; 64] }))
    }),
    ("answers to 8 direct messages", |w| {
        w.section(tag::DIRECT_ACK, |w| {
            w.u32(7)?;
            (1000..1008).try_for_each(|sequence| w.item(&direct::Answer { sequence, taken: true }))
        })
    }),
    ("map entry of 64 bytes", |w| w.section(tag::KV_ENTRIES, |w| w.item(&entry(9)))),
    ("full of map entries", |w| fill(w, tag::KV_ENTRIES, |w, at| w.item(&entry(at)))),
    ("full map context", |w| {
        w.section(tag::KV_CONTEXT, |w| {
            w.u8(0)?;
            items(w, |w, at| {
                w.id(identity(at).id)?;
                w.varint(identity(at).generation)?;
                w.varint(1000)?;
                w.blob(&[])
            });
            Ok(())
        })
    }),
    ("full map delta", |w| delta(w, 1, usize::MAX)),
];

const PROBE: Probe = Probe { number: 7, fingerprint: 9 };

fn member(w: &mut Writer<'_>, section: Membership<'_, SocketAddr>) -> Result<(), NoSpace> {
    w.section(section.tag(), |w| section.write(w))
}

fn steady(w: &mut Writer<'_>, section: Membership<'_, SocketAddr>) -> Result<(), NoSpace> {
    member(w, section)?;
    Section::<SocketAddr>::Kv(kv::Section::Summary(7)).write(w)
}

/// A section with as many items as fit.
fn fill(w: &mut Writer<'_>, tag: u8, write: fn(&mut Writer<'_>, usize) -> Result<(), NoSpace>) -> Result<(), NoSpace> {
    w.section(tag, |w| {
        items(w, write);
        Ok(())
    })
}

fn items(w: &mut Writer<'_>, write: fn(&mut Writer<'_>, usize) -> Result<(), NoSpace>) {
    let mut at = 1;
    w.items(|w| {
        at += 1;
        write(w, at).map(|()| true)
    });
}

fn message(at: usize) -> broadcast::Message<'static> {
    broadcast::Message::new(identity(at), 1000, broadcast::Class::Normal, b"news", &[5; 64])
}

/// An entry of the map that the `at`th member wrote.
pub fn entry(at: usize) -> kv::Entry<'static> {
    kv::Entry {
        writer: identity(at),
        counter: 1000,
        own: false,
        expires: None,
        key: b"service/web/1",
        state: kv::State::Value { stamp: identity(at).generation << 16, value: &[5; 64] },
    }
}

/// A writer's next entries after `first`, each with a key of its own: as many as fit, `most` at most.
///
/// # Errors
/// Without room for the section's head.
pub fn delta(w: &mut Writer<'_>, first: u64, most: usize) -> Result<(), NoSpace> {
    w.section(tag::KV_DELTA, |w| {
        w.u8(0)?;
        w.id(identity(1).id)?;
        w.varint(identity(1).generation)?;
        w.u64(first - 1)?;
        let through = w.position();
        w.u64(u64::MAX)?;
        let (mut counter, mut previous) = (first, kv::Previous::new(first - 1));
        w.items(|w| {
            if counter - first == most as u64 {
                return Ok(false);
            }
            previous.write(&kv::Entry { counter, key: &key(counter), ..entry(1) }, w)?;
            counter += 1;
            Ok(true)
        });
        w.patch(through, &(counter - 1).max(first).to_be_bytes());
        Ok(())
    })
}

/// A key like `service/web/000042`.
pub fn key(number: u64) -> [u8; 18] {
    let mut key = *b"service/web/000000";
    let mut left = number;
    for digit in key[12..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}
