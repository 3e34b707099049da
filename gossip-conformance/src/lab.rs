//! Nodes of one behaviour, and waiting for what they do: for conditions, against one deadline.

use std::any::type_name;
use std::future::Future;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::future;
use gossip_core::{Config, Event, MemberChange, NodeId, Status};
use gossip_handle::{Events, Handle};

use crate::adapter::{Adapter, Start};

/// Far more than anything here takes; a test that hangs must end and say where.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a condition is looked at of which no event tells, such as a counter.
const LOOK: Duration = Duration::from_millis(10);

/// One run of one behaviour.
pub(crate) struct Lab<'a, A> {
    pub(crate) adapter: &'a A,
    behaviour: &'static str,
    pub(crate) config: Config,
}

/// A node of a run.
pub(crate) struct Member<A: Adapter> {
    pub(crate) name: String,
    pub(crate) id: NodeId,
    pub(crate) node: A::Node,
}

/// Runs a behaviour on an adapter's runtime.
pub(crate) fn run<A: Adapter>(adapter: &A, behaviour: &'static str, body: impl AsyncFnOnce(&mut Lab<'_, A>)) {
    // Others may be at the ports of runs that are over, and must not be taken for their members.
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let cluster = format!("run {} of process {}", RUNS.fetch_add(1, Relaxed), process::id());
    let mut config = Config { cluster, ..Config::local() };
    // Where many others work a handshake may take long; of a join that hangs the limit tells.
    config.membership.join_timeout = LIMIT / 2;
    let mut lab = Lab { adapter, behaviour, config };
    adapter.block_on(body(&mut lab));
}

impl<A: Adapter> Lab<'_, A> {
    /// A node of that name in its first life.
    pub(crate) async fn start(&self, name: &str) -> Member<A> {
        self.start_as(self.seat(name)).await
    }

    /// How a node of that name is usually started.
    pub(crate) fn seat<'n>(&self, name: &'n str) -> Start<'n, A::Place> {
        Start::new(name, self.config.clone())
    }

    pub(crate) async fn start_as(&self, start: Start<'_, A::Place>) -> Member<A> {
        let (name, id) = (start.name.to_owned(), self.adapter.identity(start.name, start.generation).id);
        match self.adapter.start(start).await {
            Ok(node) => Member { name, id, node },
            Err(error) => panic!("{}: {name} does not start: {error}", self.title()),
        }
    }

    /// Nodes that are joined through the first and all know each other.
    pub(crate) async fn cluster(&self, names: &[&str]) -> Vec<Member<A>> {
        let mut members = Vec::new();
        for name in names {
            members.push(self.start(name).await);
        }
        for member in &members[1..] {
            self.join(member, &self.place(&members[0])).await;
        }
        self.until_all(&members, "everybody is known", |handle| live(handle) == names.len()).await;
        members
    }

    pub(crate) async fn join(&self, member: &Member<A>, contact: &A::Place) -> usize {
        let joined = self.within(&format!("{} joins", member.name), self.adapter.join(&member.node, contact)).await;
        match joined {
            Ok(live) => live,
            Err(failure) => panic!("{}: {} cannot join {contact}: {failure}", self.title(), member.name),
        }
    }

    pub(crate) async fn shutdown(&self, member: Member<A>) {
        self.within(&format!("{} shuts down", member.name), self.adapter.shutdown(member.node)).await;
    }

    pub(crate) async fn abort(&self, member: Member<A>) {
        self.within(&format!("{} is stopped", member.name), self.adapter.abort(member.node)).await;
    }

    pub(crate) fn handle<'m>(&self, member: &'m Member<A>) -> &'m Handle<A::Peer> {
        self.adapter.handle(&member.node)
    }

    pub(crate) fn place(&self, member: &Member<A>) -> A::Place {
        self.adapter.place(&member.node)
    }

    /// Waits until `condition` holds at a node.
    pub(crate) async fn until(&self, member: &Member<A>, what: &str, condition: impl Fn(&Handle<A::Peer>) -> bool) {
        let handle = self.handle(member);
        let (mut events, deadline) = (handle.events(), Instant::now() + LIMIT);
        while !condition(handle) {
            if Instant::now() > deadline {
                panic!("{}: not within {LIMIT:?} at {}: {what}; {}", self.title(), member.name, seen(handle));
            }
            let event = async {
                if events.recv().await.is_none() {
                    future::pending::<()>().await;
                }
            };
            future::or(event, wait(LOOK)).await;
        }
    }

    pub(crate) async fn until_all(
        &self,
        members: &[Member<A>],
        what: &str,
        condition: impl Fn(&Handle<A::Peer>) -> bool,
    ) {
        for member in members {
            self.until(member, what, &condition).await;
        }
    }

    /// What a future says, which has to end.
    pub(crate) async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        let ended = future::or(async { Some(future.await) }, async {
            wait(LIMIT).await;
            None
        });
        match ended.await {
            Some(result) => result,
            None => panic!("{}: not within {LIMIT:?}: {what}", self.title()),
        }
    }

    /// The changes that `events` of a node bring of a member, until one of them is `last`, which is included.
    pub(crate) async fn changes_until(
        &self,
        (observer, events): (&Member<A>, &mut Events<A::Peer>),
        of: (&str, NodeId),
        last: MemberChange,
    ) -> Vec<MemberChange> {
        let mut changes = Vec::new();
        let what = format!("{} sees that {} is {last:?}", observer.name, of.0);
        self.within(&what, async {
            while changes.last() != Some(&last) {
                match events.recv().await {
                    Some(Event::Members(batch)) => {
                        changes.extend(batch.iter().filter(|member| member.id == of.1).map(|member| member.change));
                    }
                    Some(_) => {}
                    None => panic!("{}: {} is closed: {what}", self.title(), observer.name),
                }
            }
        })
        .await;
        changes
    }

    /// That the cluster works: what one sets the other reads, and nobody is held for dead.
    pub(crate) async fn works(&self, writer: &Member<A>, reader: &Member<A>, key: &[u8]) {
        let scope = gossip_core::kv::Scope::Shared;
        if let Err(error) = self.handle(writer).set(scope, key, b"works") {
            panic!("{}: {} cannot set a key: {error}", self.title(), writer.name);
        }
        self.until(reader, "what the other one set is there", |handle| handle.get(scope, key).is_some()).await;
        for (member, other) in [(writer, reader), (reader, writer)] {
            let status = status(self.handle(member), other.id);
            assert_eq!(status, Some(Status::Alive), "{}: of {} at {}", self.title(), other.name, member.name);
        }
    }

    /// For the beginning of a message.
    pub(crate) fn title(&self) -> String {
        format!("{} ({})", self.behaviour, type_name::<A>())
    }
}

/// Lets a time pass, on no runtime.
pub(crate) async fn wait(time: Duration) {
    Timer::after(time).await;
}

pub(crate) fn live<P: gossip_core::Peer>(handle: &Handle<P>) -> usize {
    handle.with(|node, _| node.members().live())
}

pub(crate) fn status<P: gossip_core::Peer>(handle: &Handle<P>, id: NodeId) -> Option<Status> {
    handle.with(|node, _| node.members().get(id).map(|member| member.status))
}

/// What a node knows, for whoever reads why a test failed.
fn seen<P: gossip_core::Peer>(handle: &Handle<P>) -> String {
    let (members, keys) = handle.with(|node, _| {
        let members = node.members();
        let members: Vec<_> =
            members.iter().map(|member| (member.id, member.addr.clone(), member.status, member.generation)).collect();
        (members, node.kv().len())
    });
    let closed = handle.is_closed();
    format!("it saw {members:?}, {keys} keys, closed: {closed}; {:?}; {:?}", handle.stats(), handle.transport())
}
