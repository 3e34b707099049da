//! Handles and drivers of real nodes, connected in memory.

mod network;

use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream as _;
use gossip_core::broadcast::{BroadcastError, MessageId, SendOptions};
use gossip_core::direct::Undelivered;
use gossip_core::kv::{KvError, Scope};
use gossip_core::{CommandError, Event, MemberChange, NodeId};
use gossip_handle::{Events, Handle, Inbox, JoinFailure, SendFailure, Sending};
use network::{Network, live};

const SILENT: u64 = 99;

#[test]
fn handles_and_streams_may_move_between_threads() {
    fn moves<T: Send>() {}
    fn shared<T: Sync>() {}
    moves::<Handle<u64>>();
    shared::<Handle<u64>>();
    moves::<Events<u64>>();
}

#[test]
fn a_join_returns_what_the_contact_knows() {
    let mut network = Network::default();
    let [a, b] = [network.add(1), network.add(2)];
    assert!(network.run(b.join(1)).unwrap() >= 1);
    network.run_until(|| live(&a) == 2 && live(&b) == 2);
}

#[test]
fn a_join_through_a_silent_contact_fails_and_the_node_goes_on() {
    let mut network = Network::default();
    let [a, b] = [network.add(1), network.add(2)];
    assert_eq!(network.run(b.join(SILENT)), Err(JoinFailure::NoAnswer));
    network.run(b.join(1)).unwrap();
    network.run_until(|| live(&a) == 2);
}

#[test]
fn each_join_gets_the_outcome_of_its_own_contact() {
    let mut network = Network::default();
    let [_a, b] = [network.add(1), network.add(2)];
    let mut silent = pin!(b.join(SILENT));
    assert!(silent.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(network.run(b.join(1)).is_ok());
    assert_eq!(network.run(silent), Err(JoinFailure::NoAnswer));
}

#[test]
fn a_leave_returns_when_it_is_done_and_again_at_once() {
    let mut network = Network::default();
    let [a, b] = [network.add(1), network.add(2)];
    network.run(b.join(1)).unwrap();
    network.run_until(|| live(&a) == 2);
    let mut events = a.events();
    network.run(b.leave());
    network.run(b.leave());
    assert!(network.driver(2).has_left());
    network.run_until(|| {
        let changes = std::iter::from_fn(|| events.try_recv());
        let mut members =
            changes.filter_map(|event| if let Event::Members(batch) = event { Some(batch) } else { None });
        members.any(|batch| batch.iter().any(|member| member.change == MemberChange::Left))
    });
    assert!(matches!(network.run(b.join(1)), Err(JoinFailure::Command(_))));
}

#[test]
fn a_node_alone_leaves_too() {
    let mut network = Network::default();
    let a = network.add(1);
    network.run(a.leave());
}

#[test]
fn what_one_handle_writes_another_reads() {
    let mut network = Network::default();
    let [a, b] = [network.add(1), network.add(2)];
    network.run(b.join(1)).unwrap();
    let mut events = b.events();
    let version = a.set(Scope::Shared, b"k", b"v").unwrap();
    network.run_until(|| b.get(Scope::Shared, b"k") == Some((b"v".to_vec(), version)));
    assert!(std::iter::from_fn(|| events.try_recv()).any(|event| matches!(event, Event::Kv(_))));
    b.delete(Scope::Shared, b"k").unwrap();
    network.run_until(|| a.get(Scope::Shared, b"k").is_none());
}

#[test]
fn what_one_handle_publishes_another_receives() {
    let mut network = Network::default();
    let [a, b] = [network.add(1), network.add(2)];
    network.run(b.join(1)).unwrap();
    network.run_until(|| live(&a) == 2);
    let mut events = b.events();
    let sent = a.publish(b"topic", b"payload").unwrap();
    let received = network.run(async {
        loop {
            if let Some(Event::Broadcast(message)) = events.recv().await {
                return message;
            }
        }
    });
    assert_eq!((received.id, received.topic(), received.payload()), (sent, &b"topic"[..], &b"payload"[..]));
}

#[test]
fn a_publisher_waits_until_its_message_is_shown_to_have_arrived() {
    let mut network = Network::default();
    let (a, b, _) = two(&mut network);
    let sent = a.publish_with(SendOptions::new().ordered().key(b"k"), b"topic", b"payload").unwrap();
    let within = Duration::from_secs(10);
    let coverage = network.run(a.wait_coverage(sent, 1.0, within)).unwrap();
    assert_eq!((coverage.have, coverage.members), (1, 1));
    assert_eq!(a.delivery(sent).and_then(|delivery| delivery.coverage), Some(coverage));
    assert_eq!(network.run(b.wait_coverage(MessageId { sequence: 9, ..sent }, 1.0, within)), Err(BroadcastError::Gone));
    a.cancel(sent).unwrap();
    assert_eq!(b.cancel(sent), Err(BroadcastError::NotOwn));
}

/// Two nodes that know each other, and the second's id.
fn two(network: &mut Network) -> (Handle<u64>, Handle<u64>, NodeId) {
    let [a, b] = [network.add(1), network.add(2)];
    network.run(b.join(1)).unwrap();
    network.run_until(|| live(&a) == 2);
    (a, b, NodeId::from_name("2"))
}

#[test]
fn a_message_to_one_member_arrives_in_the_inbox_of_its_port() {
    let mut network = Network::default();
    let (a, b, to) = two(&mut network);
    let [mut first, mut other] = [0, 1].map(|port| b.inbox(port, 8).unwrap());
    let sending = a.send_to(to, 1, b"hello").unwrap();
    assert_eq!(network.run(sending), Ok(()));
    let message = network.run(other.recv()).unwrap();
    assert_eq!((message.from.id, &message.data[..]), (NodeId::from_name("1"), &b"hello"[..]));
    assert_eq!((first.try_recv(), other.try_recv()), (None, None));
}

#[test]
fn an_inbox_that_is_full_takes_no_more_until_it_is_read() {
    let mut network = Network::default();
    let (a, b, to) = two(&mut network);
    let mut inbox = b.inbox(0, 2).unwrap();
    let mut sending: Vec<Sending> = (0..3_u8).map(|at| a.send_to(to, 0, &[at]).unwrap()).collect();
    let third = sending.pop().unwrap();
    sending.into_iter().for_each(|sending| assert_eq!(network.run(sending), Ok(())));
    network.run_until(|| b.stats().direct_refused > 0);
    assert_eq!(inbox.waiting(), 2);
    assert!(inbox.try_recv().is_some());
    assert_eq!(network.run(third), Ok(()));
    assert_eq!(std::iter::from_fn(|| inbox.try_recv()).count(), 2);
}

#[test]
fn a_message_that_nobody_reads_is_not_delivered() {
    let mut network = Network::default();
    let (a, b, to) = two(&mut network);
    drop(b.inbox(0, 8));
    let sending = a.send_to(to, 0, b"x").unwrap();
    assert_eq!(network.run(sending), Err(SendFailure::Undelivered(Undelivered::InboxFull)));
    assert!(b.inbox(0, 8).is_some(), "it can be opened again");
}

#[test]
fn a_port_has_one_inbox() {
    let mut network = Network::default();
    let a = network.add(1);
    let inbox = a.inbox(0, 8);
    assert!(inbox.is_some() && a.inbox(0, 8).is_none() && a.inbox(200, 8).is_none());
}

#[test]
fn a_message_that_cannot_be_sent_is_refused_at_once() {
    let mut network = Network::default();
    let a = network.add(1);
    let refused = a.send_to(NodeId::from_name("9"), 0, b"x").unwrap_err();
    assert_eq!(refused, SendFailure::Command(CommandError::UnknownMember));
}

#[test]
fn a_message_under_way_ends_with_the_node() {
    let mut network = Network::default();
    let (a, b, to) = two(&mut network);
    let mut inbox: Inbox = a.inbox(0, 1).unwrap();
    let closed = b.send_to(NodeId::from_name("1"), 3, b"x").unwrap();
    network.close(2);
    assert_eq!(network.run(closed), Err(SendFailure::Closed));
    let left = a.send_to(to, 3, b"x").unwrap();
    network.run(a.leave());
    assert_eq!(network.run(left), Err(SendFailure::Closed));
    network.close(1);
    assert_eq!(network.run(inbox.recv()), None);
    assert!(matches!(a.send_to(to, 0, b"x"), Err(SendFailure::Closed)));
}

#[test]
fn a_write_wakes_the_driver_and_a_look_does_not() {
    let mut network = Network::default();
    let a = network.add(1);
    let cx = &mut Context::from_waker(Waker::noop());
    let driver = network.driver(1);
    assert!(driver.poll_wake(cx).is_ready(), "a new node may have something to send");
    assert!(driver.poll_wake(cx).is_pending());
    _ = (a.stats(), a.get(Scope::Shared, b"k"), a.is_closed());
    assert!(driver.poll_wake(cx).is_pending());
    a.set(Scope::Shared, b"k", b"v").unwrap();
    assert!(driver.poll_wake(cx).is_ready());
}

#[test]
fn a_closed_node_ends_streams_and_calls_and_refuses_writes() {
    let mut network = Network::default();
    let a = network.add(1);
    let mut events = a.events();
    let mut joining = pin!(a.join(SILENT));
    assert!(joining.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    a.set(Scope::Shared, b"k", b"v").unwrap();

    network.close(1);
    assert!(a.is_closed());
    assert_eq!(network.run(joining), Err(JoinFailure::Closed));
    assert_eq!(network.run(a.join(SILENT)), Err(JoinFailure::Closed));
    network.run(a.leave());
    assert_eq!(a.set(Scope::Shared, b"k", b"w"), Err(KvError::Leaving));
    assert_eq!(a.delete(Scope::Shared, b"k"), Err(KvError::Leaving));
    assert_eq!(a.publish(b"t", b"p"), Err(BroadcastError::Leaving));
    assert!(a.get(Scope::Shared, b"k").is_some());
    assert!(matches!(network.run(events.recv()), Some(Event::Kv(_))));
    assert_eq!(network.run(events.recv()), None);
    assert_eq!(network.run(a.events().recv()), None);
}

#[test]
fn a_panic_in_a_closure_stays_with_its_caller() {
    let mut network = Network::default();
    let a = network.add(1);
    let caught = catch_unwind(AssertUnwindSafe(|| a.with(|_, _| panic!("the caller's own"))));
    assert!(caught.is_err());
    a.set(Scope::Shared, b"k", b"v").unwrap();
    assert!(!a.is_closed());
}

#[test]
fn a_panic_in_the_drivers_task_closes_the_node() {
    let mut network = Network::default();
    let a = network.add(1);
    let mut driver = network.take(1);
    let caught = catch_unwind(AssertUnwindSafe(move || driver.turn(|_| panic!("a bug"))));
    assert!(caught.is_err());
    assert!(a.is_closed());
    assert_eq!(network.run(a.events().recv()), None);
}

#[test]
fn a_subscription_is_a_stream_that_wakes_its_reader() {
    let mut network = Network::default();
    let a = network.add(1);
    let mut events = a.events();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut events).poll_next(cx).is_pending());
    a.set(Scope::Shared, b"k", b"v").unwrap();
    assert!(matches!(Pin::new(&mut events).poll_next(cx), Poll::Ready(Some(Event::Kv(_)))));
}

#[test]
fn a_subscription_starts_now() {
    let mut network = Network::default();
    let a = network.add(1);
    a.set(Scope::Shared, b"k", b"v").unwrap();
    assert_eq!(a.events().try_recv(), None);
}
