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

#[test]
fn a_topic_that_is_idle_takes_less_than_8_kb() {
    let mut known = Known::new(64);
    let topics: Vec<String> = (0..60).map(|at| format!("topic-of-some-length-{at}")).collect();
    let counted = allocation_counter::measure(|| {
        let mut broadcasts = known.node.broadcasts_mut(known.now);
        topics.iter().for_each(|topic| broadcasts.subscribe(topic.as_bytes()).expect("room for a topic"));
    });
    let each = counted.bytes_current as f64 / topics.len() as f64;
    println!("{each:.1} bytes each");
    assert!((1.0..8192.0).contains(&each), "{each:.1} bytes each");
}
