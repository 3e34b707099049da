//! From the command line to a running node.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use gossip_adapter_tokio_udp::{BindError, Options, UdpNode};
use gossip_core::{Identity, NodeId};

use super::address;
use super::datadir::{DataDir, Journal, Start};
use super::settings::Settings;
use super::{query, reach};
use crate::args::AgentArgs;
use crate::exit::Failure;
use crate::profile;

/// The topics of what agents say among themselves.
const OWN_TOPICS: [&[u8]; 3] = [query::TOPIC, reach::ASK, reach::TELL];

/// Everything that can be checked before anything is touched.
pub(super) struct Setup {
    bind: SocketAddr,
    advertise: Option<SocketAddr>,
    /// Whom to join through.
    pub(super) contacts: Vec<SocketAddr>,
}

/// What a started member is and keeps.
pub(super) struct Opened {
    pub(super) name: String,
    /// The data folder, and where local writes go.
    pub(super) disk: Option<(DataDir, Box<dyn Journal>)>,
}

impl Setup {
    pub(super) async fn new(args: &AgentArgs) -> Result<Self, Failure> {
        let bind = address::parse(&args.bind, "--bind", address::DEFAULT_PORT)?;
        let mut contacts = Vec::new();
        for contact in &args.join {
            contacts.push(address::resolve(contact, bind).await?);
        }
        let advertise = address::advertised(bind, args.advertise.as_deref(), &contacts)?;
        if !bind.ip().is_loopback() {
            tracing::warn!(
                "bound to {bind}: packets are not sealed yet, so whoever can reach this port can read and write \
                 everything in the cluster; keep it inside a network you trust"
            );
        }
        Ok(Self { bind, advertise, contacts })
    }

    /// Opens the data folder, the socket and the node on it.
    pub(super) async fn start(&self, args: &AgentArgs, settings: &Settings) -> Result<(UdpNode, Opened), Failure> {
        let now_ms = unix_ms();
        let disk = match &args.data_dir {
            Some(folder) => Some(DataDir::open(folder, args.name.as_deref(), generated_name, now_ms)?),
            None => None,
        };
        let (name, identity) = match &disk {
            Some((_, start)) => (start.name.clone(), start.identity),
            None => {
                let name = args.name.clone().unwrap_or_else(generated_name);
                let identity = Identity::new(NodeId::from_name(&name), now_ms);
                (name, identity)
            }
        };
        let metadata = settings.metadata(&name)?;

        let mut options = Options::new(identity, settings.file.node.clone());
        // Without a stream lane if it says so.
        options.config.transport = settings.file.node.transport.clone();
        take_own_topics(&mut options.config.broadcast.topics);
        options.advertise = self.advertise;
        let (dir, mut start) = disk.unzip();
        options.snapshot = start.as_mut().and_then(|start| start.state.take());
        let bound = gossip_adapter_tokio_udp::bind(self.bind, options).await;
        let node = bound.map_err(|error| refused(&error, dir.as_ref()))?;
        let disk = match dir.zip(start) {
            Some((dir, start)) => {
                let journal = restore(&node, &dir, start)?;
                Some((dir, journal))
            }
            None => None,
        };
        node.handle()
            .with(|node, now| node.set_metadata(now, &metadata))
            .map_err(|error| Failure::input(format!("name and tags: {error}")))?;
        Ok((node, Opened { name, disk }))
    }
}

/// An agent that takes some topics alone takes those of agents, too: it is to be asked.
fn take_own_topics(topics: &mut Vec<String>) {
    if !topics.is_empty() {
        topics.extend(OWN_TOPICS.map(|topic| String::from_utf8_lossy(topic).into_owned()));
    }
}

/// Gives the node what it wrote after its last snapshot.
fn restore(node: &UdpNode, dir: &DataDir, start: Start) -> Result<Box<dyn Journal>, Failure> {
    if start.state_missing {
        tracing::warn!("the data folder holds no state of the life before: starting without its older keys");
    }
    node.handle().with(|node, now| {
        let mut batches = start.batches.iter();
        batches.try_for_each(|batch| node.restore(now, &batch.writes)).map_err(|error| dir.damaged_journal(error))
    })?;
    Ok(start.journal)
}

fn refused(error: &BindError, dir: Option<&DataDir>) -> Failure {
    match (error, dir) {
        (BindError::Snapshot(error), Some(dir)) => dir.damaged_state(error),
        (BindError::Socket { source, .. }, _) if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::failed(error).hint("--bind IP:0 takes a free port; `gossip info` shows whether an agent runs here")
        }
        (BindError::Listener { source, .. }, _) if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::failed(error).hint("--bind IP:0 takes a free port; --no-stream does without TCP")
        }
        _ => Failure::failed(error),
    }
}

/// The host's name and a suffix, so that agents on one host differ.
fn generated_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let host = host.split('.').next().unwrap_or_default();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let host = if host.is_empty() { "node" } else { &host };
    let mut suffix = [0; 3];
    if getrandom::fill(&mut suffix).is_err() {
        // Without randomness the process id still tells agents of one host apart.
        suffix.copy_from_slice(&std::process::id().to_be_bytes()[1..]);
    }
    let suffix: String = suffix.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{host}-{suffix}");
    debug_assert!(profile::check_name(&name).is_ok());
    name
}

fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_name_is_a_valid_one_and_differs_each_time() {
        let name = generated_name();
        assert_eq!(profile::check_name(&name), Ok(()));
        assert_ne!(name, generated_name());
    }
}
