//! The load: members of a cluster, each with a socket, that ping one of them and count the answers.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{io, iter, mem, thread};

use gossip_adapter_tokio_udp::Handle;
use gossip_benches::identity;
use gossip_benches::known::{packet, record};
use gossip_core::Config;
use gossip_core::wire::membership::{Ping, Probe, Record, Section as Membership};
use gossip_core::wire::{ClusterKey, Packet, Section, kv, tag};
use rustix::event::{PollFd, PollFlags};
use rustix::time::ClockId;

use crate::answerers::Answerer;
use crate::calls::{Batch, Socket, processor_time, wait};

/// How many members there are beside the node.
pub(crate) const PEERS: usize = 64;
/// How many pings of each are on their way at a time: all of them together find room in the smallest buffer of a socket (208 KiB).
const WINDOW: usize = 4;
/// When a ping without an answer is taken for lost.
const LOST: Duration = Duration::from_millis(200);
/// How many threads share the work: a ping costs as much to send and to take the answer of as it costs to answer.
const THREADS: usize = 2;

/// What was measured in one round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) answered: u64,
    pub(crate) lost: u64,
    pub(crate) time: Duration,
    /// Of all threads but the load's own.
    pub(crate) answering: Duration,
    /// Of the load's own threads.
    pub(crate) loading: Duration,
}

pub(crate) struct Load {
    target: Target,
    parts: Vec<Part>,
}

/// Who is pinged.
struct Target {
    to: SocketAddr,
    /// It is a node that answers, not the bare loop.
    node: Option<Handle<SocketAddr>>,
    key: ClusterKey,
}

/// What one thread does.
struct Part {
    peers: Vec<Peer>,
    batch: Batch,
    /// The node's table, as its answers tell it.
    fingerprint: u32,
}

struct Peer {
    at: usize,
    socket: Socket,
    ping: Vec<u8>,
    unanswered: usize,
}

impl Load {
    pub(crate) fn new(answerer: &Answerer) -> io::Result<Self> {
        let key = ClusterKey::new(&Config::lan().cluster);
        let target = Target { to: answerer.addr, node: answerer.node.clone(), key };
        let mut parts = Vec::new();
        for part in 0..THREADS {
            let peers = (1 + part..=PEERS).step_by(THREADS).map(Peer::new).collect::<io::Result<Vec<_>>>()?;
            parts.push(Part { peers, batch: Batch::new(), fingerprint: 0 });
        }
        parts.iter_mut().for_each(|part| part.write_pings(&target));
        Ok(Self { target, parts })
    }

    /// Makes members of the peers, if it is a node that answers.
    pub(crate) fn introduce(&self) -> Result<(), Box<dyn Error>> {
        let Target { to, node: Some(node), key } = &self.target else { return Ok(()) };
        let start = Instant::now();
        let contact = &self.parts[0].peers[0];
        // Only who was asked to let the node in is listened to.
        let contact_addr = contact.socket.io.local_addr()?;
        node.with(|node, now| node.join(now, contact_addr))?;
        let mut records = Vec::new();
        for peer in self.parts.iter().flat_map(|part| &part.peers) {
            records.push(Record { addr: peer.socket.io.local_addr()?, ..record(peer.at) });
        }
        while node.with(|node, _| node.members().live()) <= PEERS {
            if start.elapsed() > Duration::from_secs(5) {
                return Err("the node does not take its fellow members in".into());
            }
            for records in records.chunks(PEERS / 4) {
                let mut left = records.iter();
                let updates = packet(key, contact.at, true, |packet| {
                    packet.list(tag::UPDATES, |w| match left.next() {
                        Some(record) => w.item(record).map(|()| true),
                        None => Ok(false),
                    });
                });
                contact.socket.send(&[(*to, &updates)])?;
            }
            wait(&mut [PollFd::new(&contact.socket.io, PollFlags::IN)])?;
        }
        Ok(())
    }

    /// Pings for so long and counts.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<Sample> {
        let (process, start) = (processor_time(ClockId::ProcessCPUTime), Instant::now());
        let target = &self.target;
        let parts: Vec<io::Result<Sample>> = thread::scope(|scope| {
            let threads: Vec<_> =
                self.parts.iter_mut().map(|part| scope.spawn(move || part.run(target, time))).collect();
            threads.into_iter().map(|thread| thread.join().expect("the load does not panic")).collect()
        });
        let spent = processor_time(ClockId::ProcessCPUTime) - process;
        let mut sample = Sample { time: start.elapsed(), ..Sample::default() };
        for part in parts {
            let part = part?;
            sample.answered += part.answered;
            sample.lost += part.lost;
            sample.loading += part.loading;
        }
        sample.answering = spent.saturating_sub(sample.loading);
        Ok(sample)
    }
}

impl Part {
    fn run(&mut self, target: &Target, time: Duration) -> io::Result<Sample> {
        let start = Instant::now();
        let (mut sample, mut heard) = (Sample::default(), start);
        while start.elapsed() < time {
            let answered = self.round(target)?;
            sample.answered += answered;
            if answered > 0 {
                heard = Instant::now();
            } else if heard.elapsed() < LOST {
                let sockets = self.peers.iter().map(|peer| PollFd::new(&peer.socket.io, PollFlags::IN));
                wait(&mut sockets.collect::<Vec<_>>())?;
            } else {
                sample.lost += self.peers.iter_mut().map(|peer| mem::take(&mut peer.unanswered) as u64).sum::<u64>();
            }
        }
        // The thread is as old as the measurement.
        sample.loading = processor_time(ClockId::ThreadCPUTime);
        Ok(sample)
    }

    /// Each peer takes its answers and pings as often as it was answered; how many answers there were.
    fn round(&mut self, target: &Target) -> io::Result<u64> {
        let (mut all, mut fingerprint) = (0, self.fingerprint);
        for peer in &mut self.peers {
            let mut answers = Vec::new();
            let received = peer.socket.receive(&mut self.batch)?;
            let mut answered = 0;
            for (_, bytes) in self.batch.datagrams(received) {
                match probe(&target.key, bytes) {
                    Some(Seen::Answer(found)) => (answered, fingerprint) = (answered + 1, found),
                    Some(Seen::Ping(_)) if target.node.is_none() => answered += 1,
                    // The node's own probes: who does not answer is suspected.
                    Some(Seen::Ping(number)) => {
                        let ack = Membership::Ack(Probe { number, fingerprint });
                        answers.push(packet(&target.key, peer.at, false, |packet| {
                            _ = Section::<SocketAddr>::Membership(ack).write(packet);
                        }));
                    }
                    None => (),
                }
            }
            all += answered as u64;
            peer.unanswered = peer.unanswered.saturating_sub(answered);
            let pings = iter::repeat_n(&peer.ping, WINDOW - peer.unanswered);
            let datagrams: Vec<_> = pings.chain(&answers).map(|bytes| (target.to, &bytes[..])).collect();
            peer.socket.send(&datagrams)?;
            peer.unanswered = WINDOW;
        }
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            self.write_pings(target);
        }
        Ok(all)
    }

    /// The pings of members whose table and map are equal to the node's, as it is in a steady cluster.
    fn write_pings(&mut self, target: &Target) {
        let map = target.node.as_ref().map(|node| node.with(|node, _| node.kv().fingerprint()));
        for peer in &mut self.peers {
            let probe = Probe { number: peer.at as u32, fingerprint: self.fingerprint };
            peer.ping = packet(&target.key, peer.at, false, |packet| {
                _ = Section::<SocketAddr>::Membership(Membership::Ping(Ping { probe, promise: 0 })).write(packet);
                _ = Section::<SocketAddr>::Kv(kv::Section::Summary(map.unwrap_or_default())).write(packet);
            });
        }
    }
}

impl Peer {
    fn new(at: usize) -> io::Result<Self> {
        Ok(Self { at, socket: Socket::open()?, ping: Vec::new(), unanswered: 0 })
    }
}

enum Seen {
    Answer(u32),
    Ping(u32),
}

/// What a packet of the node, or one that came back, says first.
fn probe(key: &ClusterKey, bytes: &[u8]) -> Option<Seen> {
    let packet = Packet::decode::<SocketAddr>(key, bytes).ok()?;
    packet.sections::<SocketAddr>(identity(0).id).find_map(|section| match section {
        Section::Membership(Membership::Ack(probe)) => Some(Seen::Answer(probe.fingerprint)),
        Section::Membership(Membership::Ping(ping)) => Some(Seen::Ping(ping.probe.number)),
        _ => None,
    })
}
