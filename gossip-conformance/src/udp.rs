//! What adapters over UDP do, whose stream lane is TCP at the same port with the frames of [`gossip_handle::frame`]: one function for
//! each behaviour, for [`crate::udp_behaviours`] to make tests of.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use async_io::Async;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use gossip_core::{MemberChange, Status};
use gossip_handle::JoinFailure;
use gossip_handle::frame::{PREAMBLE_LEN, Preamble};

use crate::adapter::Adapter;
use crate::behaviour::{delivered_once, set_read_and_deleted};
use crate::lab::{Lab, Member, live, run, status};
use crate::relay::{Faults, Relay};

const SEED: u64 = 7;
/// Far worse than what anybody has at home.
const BAD: Faults = Faults { loss: 0.15, repeated: 0.1, delay_max: Duration::from_millis(20) };

/// The map behind a relay that loses, repeats and reorders.
pub fn keys_are_set_read_and_deleted_under_loss<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "keys are set, read and deleted under loss", async |lab| {
        let (_relay, members) = relayed(lab, &["a", "b", "c"], BAD).await;
        let members: Vec<_> = members.into_iter().map(|(member, _)| member).collect();
        set_read_and_deleted(lab, &members).await;
    });
}

/// Messages, one of them in many datagrams, behind a relay that loses, repeats and reorders.
pub fn a_message_is_delivered_once_under_loss_and_repetition<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "a message is delivered once under loss and repetition", async |lab| {
        let (_relay, members) = relayed(lab, &["a", "b", "c"], BAD).await;
        let members: Vec<_> = members.into_iter().map(|(member, _)| member).collect();
        for len in [1, 1000, 50_000] {
            delivered_once(lab, &members, len).await;
        }
    });
}

/// A member whose datagrams all get lost, so that no system tells of it, is held for down; once they arrive again all is as before.
pub fn who_is_cut_off_is_seen_as_down_and_comes_back_by_itself<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "who is cut off is seen as down and comes back by itself", async |lab| {
        let (relay, members) = relayed(lab, &["a", "b", "c"], Faults::NONE).await;
        let [(a, _), (b, _), (c, at_c)] = &members[..] else { return };
        let mut events = lab.handle(a).events();
        relay.cut(*at_c, true);
        let changes = lab.changes_until((a, &mut events), ("c", c.id), MemberChange::Down).await;
        assert!(!changes.contains(&MemberChange::Left), "{}: {changes:?}", lab.title());
        relay.cut(*at_c, false);
        for (observer, other) in [(a, c), (b, c), (c, a), (c, b)] {
            let back = |handle: &_| status(handle, other.id) == Some(Status::Alive);
            lab.until(observer, "who was cut off is back", back).await;
        }
        lab.works(c, a, b"key").await;
    });
}

/// A join through a port where nobody listens ends with an error, which is no error of the node's own socket; then it joins elsewhere.
pub fn a_contact_that_is_not_there_fails_the_join_and_nothing_else<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "a contact that is not there fails the join and nothing else", async |lab| {
        let nowhere = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a socket");
        lab.config.membership.join_timeout = lab.config.membership.join_retry * 5;
        let node = lab.start("a").await;
        let failed = lab.within("the join ends", adapter.join(&node.node, &nowhere)).await;
        assert_eq!(failed, Err(JoinFailure::NoAnswer), "{}", lab.title());
        let stats = lab.handle(&node).transport();
        assert_eq!((stats.receive_errors, stats.datagrams_unsent), (0, 0), "{}: {stats:?}", lab.title());
        let other = lab.start("b").await;
        lab.join(&node, &lab.place(&other)).await;
        lab.works(&node, &other, b"key").await;
    });
}

/// Datagrams of random bytes are counted and change nothing.
pub fn garbage_in_datagrams_is_dropped_and_counted<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "garbage in datagrams is dropped and counted", async |lab| {
        let members = lab.cluster(&["a", "b"]).await;
        let mut random = fastrand::Rng::with_seed(SEED);
        let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        for round in 0..100 {
            let mut noise = vec![0; if round < 4 { round } else { random.usize(..9000) }];
            random.fill(&mut noise);
            stranger.send_to(&noise, lab.place(&members[0])).expect("loopback takes datagrams");
        }
        // A burst of that size may overrun a socket's buffer.
        lab.until(&members[0], "most of it is counted", |handle| {
            let stats = handle.stats();
            stats.dropped_checksum + stats.dropped_malformed + stats.dropped_version >= 50
        })
        .await;
        assert_eq!(live(lab.handle(&members[0])), 2, "{}", lab.title());
        lab.works(&members[1], &members[0], b"key").await;
    });
}

/// Somebody at a member's address takes its frames and never reads: its connection is closed, and nobody else waits for that.
pub fn a_peer_that_never_reads_is_disconnected_and_holds_nobody_up<A>(adapter: &A)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    run(adapter, "a peer that never reads is disconnected and holds nobody up", async |lab| {
        let mut hasty = lab.seat("a");
        hasty.write_timeout = Some(Duration::from_millis(200));
        // The messages are tried until the deaf one is gone.
        hasty.config.direct.timeout = Duration::from_secs(600);
        let node = lab.start_as(hasty).await;
        let (victim, other) = (lab.start("b").await, lab.start("c").await);
        for member in [&victim, &other] {
            lab.join(member, &lab.place(&node)).await;
        }
        lab.until(&node, "both are there", |handle| live(handle) == 3).await;
        // Whoever says to be b first gets what is for b.
        let deaf = lab.within("it is greeted", greeted(lab, &node, &victim)).await;

        let [to_victim, to_other] = [&victim, &other].map(|member| {
            let inbox = lab.handle(member).inbox(0, 1);
            (member.id, inbox.expect("an inbox"))
        });
        // More than any system keeps for somebody who does not read, and too long for datagrams.
        let send = |to, data: &[u8]| lab.handle(&node).send_to(to, 0, data).expect("taken");
        let lost: Vec<_> = (0..255).map(|_| send(to_victim.0, &[7; 60_000])).collect();
        let (short, long) = (send(to_victim.0, b"short"), send(to_other.0, &[7; 60_000]));
        let delivered = [
            lab.within("what is short", short).await.is_ok(),
            lab.within("what is for the other one", long).await.is_ok(),
        ];
        assert_eq!(delivered, [true; 2], "{}", lab.title());
        lab.until(&node, "the deaf one is gone", |handle| handle.transport().closed_not_reading == 1).await;
        drop((deaf, lost));
    });
}

/// A connection to `node` from somebody who says to be `victim`.
async fn greeted<A>(lab: &Lab<'_, A>, node: &Member<A>, victim: &Member<A>) -> Async<std::net::TcpStream>
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    let stream = Async::<std::net::TcpStream>::connect(lab.place(node)).await;
    let mut stream = stream.expect("it takes connections");
    stream.write_all(&Preamble { port: lab.place(victim).port() }.encode()).await.expect("it reads");
    let mut greeting = [0; PREAMBLE_LEN];
    stream.read_exact(&mut greeting).await.expect("it says who it is");
    assert_eq!(Preamble::decode(greeting), Ok(Preamble { port: lab.place(node).port() }), "{}", lab.title());
    stream
}

/// Nodes behind a relay that all know each other, each with the address that it advertises.
async fn relayed<A>(lab: &Lab<'_, A>, names: &[&str], faults: Faults) -> (Relay, Vec<(Member<A>, SocketAddr)>)
where
    A: Adapter<Peer = SocketAddr, Place = SocketAddr>,
{
    let mut relay = Relay::new(faults, SEED);
    let mut members = Vec::new();
    for name in names {
        let address = relay.open().expect("a socket for the relay");
        let mut seat = lab.seat(name);
        seat.advertise = Some(address);
        let member = lab.start_as(seat).await;
        relay.attach(address, lab.place(&member));
        members.push((member, address));
    }
    for (member, _) in &members[1..] {
        lab.join(member, &members[0].1).await;
    }
    for (member, _) in &members {
        lab.until(member, "everybody is known", |handle| live(handle) == names.len()).await;
    }
    (relay, members)
}
