//! What a node keeps of each member on the heap, by a counter of all allocations of this thread.

use std::hint::black_box;

use gossip_benches::known::Known;

/// The heap that a node holds on to, in bytes, once it knows so many members by their packets and has told what is new.
fn held(size: usize) -> i64 {
    let mut known = None;
    let counted = allocation_counter::measure(|| known = Some(Known::new(size)));
    drop(black_box(known));
    counted.bytes_current
}

#[test]
fn a_member_takes_224_bytes_at_most_besides_its_metadata() {
    let alone = held(2);
    // 3 585 is where the indices have just doubled.
    for members in [3_585, 4_096] {
        let each = (held(2 + members) - alone) as f64 / members as f64;
        println!("{members} members: {each:.1} bytes each");
        assert!(each <= 224.0, "{members} members: {each:.1} bytes each");
    }
}
