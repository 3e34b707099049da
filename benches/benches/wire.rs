//! Encoding and decoding a packet of each kind. Decoding checks the checksum and every byte; then every item is read.

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gossip_benches::{identity, samples};
use gossip_core::wire::{ClusterKey, Packet, Writer};

fn wire(criterion: &mut Criterion) {
    let key = ClusterKey::new("");
    let sender = identity(1);
    let (mut buf, mut ids) = ([0; 1200], Vec::new());
    for (name, write) in samples::KINDS {
        let mut encode = |buf: &mut [u8]| {
            let mut packet = Writer::new(buf, &mut ids, &key, sender, false).expect("a packet holds its header");
            write(&mut packet).expect("the section fits");
            packet.finish(&key)
        };
        let len = encode(&mut buf);
        let packet = buf[..len].to_vec();
        let mut group = criterion.benchmark_group(format!("wire/{name}"));
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("encode", |bench| bench.iter(|| encode(black_box(&mut buf))));
        group.bench_function("decode", |bench| {
            bench.iter(|| {
                let packet = Packet::decode::<SocketAddr>(&key, black_box(&packet)).expect("it was just written");
                packet.sections::<SocketAddr>(sender.id).for_each(|section| _ = black_box(section));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);
