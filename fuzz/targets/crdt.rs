#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gossip_fuzz_bodies::crdt(input));
