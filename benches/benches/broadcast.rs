//! Copies of broadcast messages: each is dropped before its payload is touched. What the section costs is what a packet costs with it,
//! less what the same bytes cost in a section that nobody knows: checksum, header and sender are the same.

use criterion::{Criterion, criterion_group, criterion_main};
use gossip_benches::identity;
use gossip_benches::known::{Known, Sent};
use gossip_core::wire::broadcast::{Class, Message};
use gossip_core::wire::{ClusterKey, Writer, tag};

/// Tags that this version passes over.
const UNKNOWN: u8 = 110;

fn duplicate(criterion: &mut Criterion) {
    for (name, bytes) in [("256 B", 256), ("64 kB", 64_000)] {
        let mut group = criterion.benchmark_group(format!("broadcast/duplicate, {name}"));
        let mut known = Known::new(64);
        let payload = vec![5; bytes];
        let packet = |known: &Known, tag| -> Sent {
            let (mut bytes, mut ids) = (vec![0; 65_507], Vec::new());
            let mut packet = Writer::new(&mut bytes, &mut ids, &ClusterKey::new(""), identity(1), true).expect("room");
            let message = Message::new(identity(2), 1, Class::Normal, b"news", &payload);
            packet.section(tag, |w| w.item(&message)).expect("room");
            let len = packet.finish(&ClusterKey::new(""));
            bytes.truncate(len);
            Sent { bytes, ..known.write(1, true, |_| ()) }
        };
        let [mut passed_over, mut copy] = [packet(&known, UNKNOWN), packet(&known, tag::MESSAGES)];
        known.handle(&mut copy);
        while known.node.poll_event().is_some() {}
        group.bench_function("passed over", |bench| bench.iter(|| known.handle(&mut passed_over)));
        group.bench_function("dropped", |bench| bench.iter(|| known.handle(&mut copy)));
        group.finish();
    }
}

criterion_group!(benches, duplicate);
criterion_main!(benches);
