//! Thousands of connections that say nothing, half of it, too much or nonsense, at a member of a working cluster.
//!
//! `GOSSIP_CONNECTIONS` sets how many (2000). The figures are printed: see with `--nocapture`.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gossip_adapter_tokio_udp::{Options, UdpNode, bind};
use gossip_core::kv::Scope;
use gossip_core::{Config, Event, Identity, MemberChange, NodeId};
use gossip_handle::frame::Preamble;
use socket2::{Domain, Socket, Type};

const LIMIT: Duration = Duration::from_secs(300);
/// How many of them are held open at a time, so that a usual limit of open files holds them.
const HELD: usize = 400;
const KEYS: usize = 1500;

fn options(name: &str) -> Options {
    let mut options = Options::new(Identity::new(NodeId::from_name(name), 1), Config::lan());
    options.config.membership.leave_timeout = Duration::from_millis(100);
    options
}

async fn start(name: &str) -> UdpNode {
    bind("127.0.0.1:0".parse().unwrap(), options(name)).await.unwrap()
}

/// One of a few addresses of this machine, where it has more than one, so that the real peers have theirs for themselves.
fn connect(to: SocketAddr, from: Ipv4Addr) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    if socket.bind(&SocketAddr::new(from.into(), 0).into()).is_err() {
        return TcpStream::connect(to).ok();
    }
    socket.connect(&to.into()).ok()?;
    Some(socket.into())
}

/// Opens so many connections to `target`; some of them, from the address of the members, say that they are `member`.
fn flood(target: SocketAddr, member: SocketAddr, count: usize, opened: &AtomicUsize) {
    let mut held = VecDeque::new();
    // A fixed linear congruential generator: the same connections each time.
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let as_member = Preamble { port: member.port() }.encode();
    let as_stranger = Preamble { port: 9 }.encode();
    while opened.load(Relaxed) < count {
        let stranger = Ipv4Addr::new(127, 0, 0, 2 + (random() % 200) as u8);
        let noise: Vec<u8> = (0..random() % 2000).map(|_| random() as u8).collect();
        let (from, said) = match random() % 40 {
            0 => (Ipv4Addr::LOCALHOST, [as_member.as_slice(), &[0, 0]].concat()),
            1 => (Ipv4Addr::LOCALHOST, [as_member.as_slice(), &u32::MAX.to_be_bytes()].concat()),
            2 => (Ipv4Addr::LOCALHOST, [as_member.as_slice(), &[0, 0, 4, 0], &noise[..noise.len().min(1024)]].concat()),
            kind => match kind % 5 {
                0 => (stranger, Vec::new()),
                1 => (stranger, as_stranger[..3].to_vec()),
                2 => (stranger, [as_stranger.as_slice(), &[0, 0]].concat()),
                3 => (stranger, [as_stranger.as_slice(), &u32::MAX.to_be_bytes()].concat()),
                _ => (stranger, noise),
            },
        };
        let Some(mut stream) = connect(target, from) else { continue };
        // It may be closed already.
        _ = stream.write_all(&said);
        opened.fetch_add(1, Relaxed);
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
    }
}

/// A new member comes, takes all keys over, and goes: how many frames that took.
async fn visit(target: &UdpNode, round: usize) -> u64 {
    let visitor = start(&format!("visitor-{round}")).await;
    visitor.handle().join(target.local_addr()).await.unwrap();
    let mut events = visitor.handle().events();
    while visitor.handle().with(|node, _| node.kv().len()) < KEYS {
        events.recv().await.expect("open");
    }
    let frames = visitor.handle().stats().frames_received;
    visitor.shutdown().await;
    frames
}

/// Memory in use and address space, in MiB, where the system tells.
fn memory() -> Option<(i64, i64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').map(|pages| pages.parse::<i64>().unwrap_or(0) * 4 / 1024);
    let size = pages.next()?;
    Some((pages.next()?, size))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_make_no_sense_cost_no_memory_and_disturb_no_member() {
    let count = std::env::var("GOSSIP_CONNECTIONS").map_or(2000, |count| count.parse().expect("a number"));
    let (target, member) = (start("target").await, start("member").await);
    member.handle().join(target.local_addr()).await.unwrap();
    for number in 0..KEYS as u32 {
        member.handle().set(Scope::Shared, &number.to_be_bytes(), &[7; 800]).unwrap();
    }
    let mut events = target.handle().events();
    while target.handle().with(|node, _| node.kv().len()) < KEYS {
        events.recv().await.expect("open");
    }
    for round in 0..3 {
        visit(&target, round).await;
    }

    let before = memory();
    let (opened, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let flooding = {
        let (opened, done) = (Arc::clone(&opened), Arc::clone(&done));
        let (target, member) = (target.local_addr(), member.local_addr());
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            flood(target, member, count, &opened);
            done.store(true, Relaxed);
            start.elapsed()
        })
    };
    let (mut rounds, mut frames, mut most) = (0, 0, before);
    let visits = async {
        while !done.load(Relaxed) || rounds == 0 {
            frames += visit(&target, 100 + rounds).await;
            rounds += 1;
            most = most.zip(memory()).map(|(a, b)| (a.0.max(b.0), a.1.max(b.1)));
        }
    };
    tokio::time::timeout(LIMIT, visits).await.expect("visitors get what they come for");
    let took = flooding.await.unwrap();

    let stats = target.handle().transport();
    println!(
        "{count} connections in {took:.1?}; memory {before:?} MiB before, {most:?} at most (resident, address space); \
         {rounds} members came and took {frames} frames meanwhile; {stats:?}"
    );
    assert!(frames >= rounds as u64, "{frames} frames in {rounds} visits");
    if let Some((before, most)) = before.zip(most) {
        assert!(most.0 - before.0 <= 32, "memory grew by {} MiB", most.0 - before.0);
        assert!(most.1 - before.1 <= 512, "address space grew by {} MiB", most.1 - before.1);
    }
    let refused = stats.handshake_failed + stats.refused_stranger + stats.closed_pending + stats.closed_frame_length;
    assert!(refused as usize * 2 > count, "{stats:?}");
    let member_id = NodeId::from_name("member");
    while let Some(event) = events.try_recv() {
        let Event::Members(changes) = event else { continue };
        let down = changes.iter().any(|change| change.id == member_id && change.change == MemberChange::Down);
        assert!(!down, "the member was taken for dead");
    }
    while target.handle().transport().connections > 8 {
        tokio::task::yield_now().await;
    }
}
