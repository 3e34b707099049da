//! The members of the demonstration and what they deliver.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use gossip_adapter_tokio_udp::{Options, UdpNode};
use gossip_core::broadcast::MessageId;
use gossip_core::{Config, Event, Identity, NodeId};
use gossip_handle::Handle;
use tokio::sync::watch;

use crate::exit::Failure;
use crate::profile::Profile;

/// All members, running or not.
pub(super) struct Fleet {
    pub(super) members: Vec<Member>,
    config: Config,
    /// Grows with every event of any member: what to wait for.
    pub(super) changed: watch::Receiver<u64>,
    change: watch::Sender<u64>,
    delivered: Arc<Mutex<HashSet<(usize, MessageId)>>>,
    /// Bytes that members sent in lives that are over.
    past_bytes: u64,
}

/// One member; stopped if it has no node.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) identity: Identity,
    node: Option<UdpNode>,
}

impl Member {
    /// The running node, if it runs.
    pub(super) fn handle(&self) -> Option<&Handle<SocketAddr>> {
        self.node.as_ref().map(UdpNode::handle)
    }
}

impl Fleet {
    /// Starts that many members; none knows another.
    pub(super) async fn start(count: usize) -> Result<Self, Failure> {
        let (change, changed) = watch::channel(0);
        // A label of its own keeps it apart from whatever else runs on this machine.
        let config = Config { cluster: format!("demo-{}", std::process::id()), ..Config::local() };
        let width = count.saturating_sub(1).to_string().len();
        let members = (0..count).map(|index| {
            let name = format!("node-{index:0width$}");
            Member { identity: Identity::new(NodeId::from_name(&name), 1), name, node: None }
        });
        let members = members.collect();
        let mut fleet = Self { members, config, changed, change, delivered: Arc::default(), past_bytes: 0 };
        for index in 0..count {
            fleet.launch(index).await?;
        }
        Ok(fleet)
    }

    /// Stops a member without notice: its socket closes, nobody is told.
    pub(super) async fn kill(&mut self, index: usize) {
        if let Some(node) = self.members[index].node.take() {
            self.past_bytes += node.handle().stats().bytes_sent;
            node.abort().await;
        }
    }

    /// Starts a stopped member again, with an empty memory and under its next generation.
    pub(super) async fn revive(&mut self, index: usize) -> Result<(), Failure> {
        self.members[index].identity.generation += 1;
        self.launch(index).await
    }

    /// Makes a member join through another one.
    pub(super) fn join(&self, index: usize, through: usize) -> Result<(), Failure> {
        let contact = self.members[through].node.as_ref().map(UdpNode::local_addr);
        let (Some(contact), Some(handle)) = (contact, self.members[index].handle()) else {
            return Err(Failure::failed(format!("{} does not run", self.members[index].name)));
        };
        let name = &self.members[index].name;
        handle
            .with(|node, now| node.join(now, contact))
            .map_err(|error| Failure::failed(format!("{name} cannot join: {error}")))
    }

    /// Running members and their places.
    pub(super) fn running(&self) -> impl Iterator<Item = (usize, &Member, &Handle<SocketAddr>)> {
        self.members.iter().enumerate().filter_map(|(index, member)| Some((index, member, member.handle()?)))
    }

    pub(super) fn has_delivered(&self, index: usize, message: MessageId) -> bool {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).contains(&(index, message))
    }

    /// UDP payload that all members have sent so far.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.past_bytes + self.running().map(|(_, _, handle)| handle.stats().bytes_sent).sum::<u64>()
    }

    async fn launch(&mut self, index: usize) -> Result<(), Failure> {
        let member = &mut self.members[index];
        let metadata = Profile::new(&member.name, BTreeMap::new())?.encode(self.config.membership.max_metadata)?;
        let options = Options::new(member.identity, self.config.clone());
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot start {}: {error}", member.name));
        let node = gossip_adapter_tokio_udp::bind((Ipv4Addr::LOCALHOST, 0).into(), options).await.map_err(|error| {
            failed(&error).hint("fewer --nodes need fewer sockets: `ulimit -n` shows how many there may be")
        })?;
        node.handle().with(|node, now| node.set_metadata(now, &metadata)).map_err(|error| failed(&error))?;
        tokio::spawn(listen(index, node.handle().clone(), self.change.clone(), Arc::clone(&self.delivered)));
        member.node = Some(node);
        Ok(())
    }
}

async fn listen(
    index: usize,
    handle: Handle<SocketAddr>,
    change: watch::Sender<u64>,
    delivered: Arc<Mutex<HashSet<(usize, MessageId)>>>,
) {
    let mut events = handle.events();
    while let Some(event) = events.recv().await {
        if let Event::Broadcast(message) = &event {
            delivered.lock().unwrap_or_else(PoisonError::into_inner).insert((index, message.id));
        }
        change.send_modify(|count| *count += 1);
    }
}
