//! This crate beside gossipsub of the same libp2p: 64 nodes in one process over TCP, Noise and Yamux, 256 B messages, 100/s if not told otherwise, by
//! all in turn. Bytes on the connections, time to delivery and processor time, as ratios.
//!
//! ```text
//! cargo run --release -p gossip-adapter-libp2p --example beside_gossipsub [SECONDS [PER_SECOND]]
//! ```
//!
//! To gossipsub's advantage its messages are not signed, and each of its nodes is told of eight others to connect to; to each
//! node of this crate one.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::{AsyncRead, AsyncWrite, StreamExt as _};
use gossip_adapter_libp2p::{Behaviour, Config, Event};
use libp2p::core::upgrade::Version;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm, SwarmBuilder, Transport as _, noise, tcp, yamux};
use tokio::sync::mpsc;

const NODES: usize = 64;
const PAYLOAD: usize = 256;
const TOPIC: &str = "news";
/// How long each cluster is left alone before it is measured.
const SETTLING: Duration = Duration::from_secs(30);
/// How many others each node of gossipsub connects to.
const CONTACTS: usize = 8;

type Failure = Box<dyn Error + Send + Sync>;

/// A protocol that tells messages to all.
trait Gossips: NetworkBehaviour + Sized {
    fn create(key: &Keypair) -> Result<Self, Failure>;
    fn meet(swarm: &mut Swarm<Self>, addr: Multiaddr) -> Result<(), Failure>;
    fn publish(&mut self, payload: Vec<u8>) -> Result<(), Failure>;
    fn delivered(event: &Self::ToSwarm) -> Option<&[u8]>;
    /// How many others a node is to meet.
    const CONTACTS: usize;
}

impl Gossips for Behaviour {
    const CONTACTS: usize = 1;

    fn create(key: &Keypair) -> Result<Self, Failure> {
        Ok(Self::new(key.public().to_peer_id(), Config::new(gossip_core::Config::lan()))?)
    }

    fn meet(swarm: &mut Swarm<Self>, addr: Multiaddr) -> Result<(), Failure> {
        Ok(swarm.behaviour_mut().join(addr)?)
    }

    fn publish(&mut self, payload: Vec<u8>) -> Result<(), Failure> {
        self.handle().publish(TOPIC.as_bytes(), &payload)?;
        Ok(())
    }

    fn delivered(event: &Event) -> Option<&[u8]> {
        match event {
            Event::Node(gossip_core::Event::Broadcast(message)) => Some(message.payload()),
            _ => None,
        }
    }
}

impl Gossips for gossipsub::Behaviour {
    const CONTACTS: usize = CONTACTS;

    fn create(_: &Keypair) -> Result<Self, Failure> {
        let id_of = |message: &gossipsub::Message| {
            let mut hasher = DefaultHasher::new();
            message.data.hash(&mut hasher);
            MessageId::new(&hasher.finish().to_be_bytes())
        };
        let mut config = gossipsub::ConfigBuilder::default();
        let config = config.validation_mode(ValidationMode::Anonymous).message_id_fn(id_of).build()?;
        let mut behaviour = Self::new(MessageAuthenticity::Anonymous, config)?;
        behaviour.subscribe(&IdentTopic::new(TOPIC))?;
        Ok(behaviour)
    }

    fn meet(swarm: &mut Swarm<Self>, addr: Multiaddr) -> Result<(), Failure> {
        Ok(swarm.dial(addr)?)
    }

    fn publish(&mut self, payload: Vec<u8>) -> Result<(), Failure> {
        Self::publish(self, IdentTopic::new(TOPIC), payload)?;
        Ok(())
    }

    fn delivered(event: &gossipsub::Event) -> Option<&[u8]> {
        match event {
            gossipsub::Event::Message { message, .. } => Some(&message.data),
            _ => None,
        }
    }
}

/// What came of one cluster.
struct Measured {
    bytes: u64,
    processor: Duration,
    /// Sent messages times other nodes, and deliveries.
    expected: usize,
    delays: Vec<Duration>,
}

impl Measured {
    fn quantile(&self, share: f64) -> Duration {
        self.delays[((self.delays.len() - 1) as f64 * share) as usize]
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arg = |place, default| std::env::args().nth(place).map_or(Ok(default), |number| number.parse());
    let (seconds, per_second) = (arg(1, 20)?, arg(2, 100)?);
    println!("{NODES} nodes, {PAYLOAD} B at {per_second}/s for {seconds} s");
    let theirs = measure::<gossipsub::Behaviour>("gossipsub", seconds, per_second).await?;
    let ours = measure::<Behaviour>("gossip", seconds, per_second).await?;
    println!(
        "ratios: bytes {:.2}, t99 {:.2}, processor {:.2}",
        ours.bytes as f64 / theirs.bytes as f64,
        ours.quantile(0.99).as_secs_f64() / theirs.quantile(0.99).as_secs_f64(),
        ours.processor.as_secs_f64() / theirs.processor.as_secs_f64(),
    );
    Ok(())
}

async fn measure<G: Gossips + Send>(name: &str, seconds: u32, per_second: u32) -> Result<Measured, Failure>
where
    G::ToSwarm: Send,
{
    let (bytes, delays) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let began = Instant::now();
    let (mut addresses, mut publishers, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..NODES {
        let mut swarm = swarm::<G>(&bytes)?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        let addr = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        for step in 1..=G::CONTACTS.min(number) {
            // Spread over those that are there, the first for who has one contact.
            let contact: &Multiaddr = &addresses[if G::CONTACTS == 1 { 0 } else { (number * 7 + step * 11) % number }];
            // Two steps may name the same one.
            _ = G::meet(&mut swarm, contact.clone());
        }
        addresses.push(addr);
        let (publisher, to_publish) = mpsc::unbounded_channel();
        publishers.push(publisher);
        tasks.push(tokio::spawn(drive(swarm, to_publish, began, Arc::clone(&delays))));
    }
    tokio::time::sleep(SETTLING).await;
    let (bytes_before, processor_before) = (bytes.load(Relaxed), processor_time()?);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    for number in 0..(seconds * per_second) as usize {
        ticks.tick().await;
        publishers[number * 29 % NODES].send(number)?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (bytes, processor) = (bytes.load(Relaxed) - bytes_before, processor_time()? - processor_before);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let mut delays = std::mem::take(&mut *delays.lock().map_err(|_| "poisoned")?);
    delays.sort_unstable();
    let measured = Measured { bytes, processor, expected: (seconds * per_second) as usize * (NODES - 1), delays };
    println!(
        "{name:10} {:.1} kB/s a node, delivered {} of {}, p50 {:.1?}, p99 {:.1?}, processor {:.2} s",
        measured.bytes as f64 / 1e3 / f64::from(seconds + 1) / NODES as f64,
        measured.delays.len(),
        measured.expected,
        measured.quantile(0.5),
        measured.quantile(0.99),
        measured.processor.as_secs_f64(),
    );
    Ok(measured)
}

async fn drive<G: Gossips>(
    mut swarm: Swarm<G>,
    mut to_publish: mpsc::UnboundedReceiver<usize>,
    began: Instant,
    delays: Arc<Mutex<Vec<Duration>>>,
) {
    loop {
        tokio::select! {
            Some(number) = to_publish.recv() => {
                let mut payload = vec![0; PAYLOAD];
                payload[..8].copy_from_slice(&(began.elapsed().as_micros() as u64).to_be_bytes());
                payload[8..16].copy_from_slice(&(number as u64).to_be_bytes());
                if let Err(error) = swarm.behaviour_mut().publish(payload) {
                    eprintln!("not sent: {error}");
                }
            }
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(event) = event
                    && let Some(sent) = G::delivered(&event).and_then(|payload| payload.first_chunk().copied())
                    && let Ok(mut delays) = delays.lock()
                {
                    delays.push(began.elapsed().saturating_sub(Duration::from_micros(u64::from_be_bytes(sent))));
                }
            }
        }
    }
}

fn swarm<G: Gossips>(bytes: &Arc<AtomicU64>) -> Result<Swarm<G>, Failure> {
    let bytes = Arc::clone(bytes);
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_other_transport(|key| {
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            let counted = tcp.map(move |connection, _| Counted { connection, bytes: Arc::clone(&bytes) });
            let noise = noise::Config::new(key)?;
            Ok(counted.upgrade(Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default()))
        })?
        .with_behaviour(G::create)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// A connection of which the bytes written are counted.
struct Counted<C> {
    connection: C,
    bytes: Arc<AtomicU64>,
}

impl<C: AsyncRead + Unpin> AsyncRead for Counted<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_read(cx, buf)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Counted<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.connection).poll_write(cx, buf))?;
        self.bytes.fetch_add(written as u64, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_close(cx)
    }
}

/// What this process has used of the processors, in user and system mode, in hundredths of a second (Linux alone).
fn processor_time() -> Result<Duration, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    Ok(Duration::from_millis(10) * ticks)
}
