//! One machine: the process that runs on it, if one does, and the loop that drives its node.

use std::collections::BTreeSet;
use std::time::Duration;

use gossip_core::kv::{Entry, Holding, Kv};
use gossip_core::{Config, Event, Identity, Instant, Lane, MemberChange, MemberEvent, Node, NodeId, Status};

use super::clock::Clock;
use super::inbox::Inbox;
use super::stage::Stage;
use crate::trace::{Cause, Held, Memory, Observation};

/// A node that wants its timer handled that often at one instant will not stop.
const SPINS: u32 = 1000;

#[derive(Default)]
pub(super) struct Host {
    number: usize,
    process: Option<Box<Process>>,
    /// How often a process started here.
    pub(super) starts: usize,
    pub(super) clock: Clock,
    inbox: Inbox,
    /// The process is stopped in its tracks.
    halted: bool,
    buffer: Vec<u8>,
    /// The topics that its processes take messages of; none: of all.
    topics: Option<BTreeSet<Vec<u8>>>,
}

struct Process {
    node: Node<u64>,
    generation: u64,
    leaving: bool,
    left: bool,
    /// It was told to leave while it was halted.
    leaves_later: bool,
    /// Revision, rows and live rows of the member table that the trace tells of.
    seen: (u64, usize, usize),
    /// In broadcast's overlay, as the trace tells of them.
    neighbours: Vec<usize>,
    /// Members of which it said that they flap: doubts of them are not told.
    flapping: BTreeSet<usize>,
    /// The wake-up in the queue that counts; later ones are put off until it comes.
    wake: Option<Instant>,
    spins: (Instant, u32),
}

/// How a process begins.
pub(super) struct Start<'a> {
    pub(super) generation: u64,
    pub(super) memory: Memory,
    pub(super) snapshot: Option<&'a [u8]>,
    pub(super) contact: Option<usize>,
    /// So many nodes, from n0 on, start under the same generation and are known from the start.
    pub(super) peers: usize,
    pub(super) metadata: &'a [u8],
    pub(super) seed: [u8; 32],
}

impl Host {
    pub(super) fn new(number: usize, config: &Config) -> Self {
        Self {
            number,
            buffer: vec![0; config.transport.stream.unwrap_or(0).max(config.transport.datagram_mtu)],
            ..Self::default()
        }
    }

    pub(super) fn start(&mut self, stage: &mut Stage, config: &Config, start: &Start<'_>) -> Result<(), String> {
        let (now, number) = (self.clock.now(stage.now), self.number);
        self.halted = false;
        let me = Identity::new(stage.id(number), start.generation);
        let mut node = Node::new(me, number as u64, config.clone(), start.seed, now).map_err(|e| e.to_string())?;
        node.handle_wall_clock(now, self.clock.wall(stage.wall_clock()));
        if let Some(snapshot) = start.snapshot {
            node.restore(now, snapshot).map_err(|error| format!("refused its own snapshot: {error}"))?;
        }
        self.starts += 1;
        let generation = node.identity().generation;
        stage.observe(&Observation::Started { node: number, generation, memory: start.memory });
        for write in live_writes(node.kv(), stage)?.into_iter().chain(last_changes(node.kv(), stage)?) {
            stage.observe(&Observation::Applied { write, node: number });
        }
        if !start.metadata.is_empty() {
            node.set_metadata(now, start.metadata).map_err(|error| format!("refused its metadata: {error}"))?;
        }
        if let Some(topics) = &self.topics {
            restrict(&mut node, now, topics)?;
        }
        if let Some(contact) = start.contact {
            node.join(now, contact as u64).map_err(|error| format!("refused to join: {error}"))?;
        }
        let peer = |peer: usize| (Identity::new(stage.id(peer), start.generation), peer as u64);
        node.assume(now, (0..start.peers).map(peer));
        let process = Process {
            seen: (0, 0, 0),
            neighbours: Vec::new(),
            flapping: BTreeSet::new(),
            node,
            generation,
            leaving: false,
            left: false,
            leaves_later: false,
            wake: None,
            spins: (stage.now, 0),
        };
        process.rescan(number, stage);
        self.process = Some(Box::new(process));
        self.drain(stage)
    }

    /// Its processes take messages of these topics alone from now on.
    pub(super) fn subscribe(&mut self, stage: &mut Stage, topics: &[String]) -> Result<(), String> {
        let topics = topics.iter().map(|topic| topic.as_bytes().to_vec()).collect::<BTreeSet<_>>();
        let restricted = self.command(stage, |node, now| restrict(node, now, &topics));
        self.topics = Some(topics);
        restricted.transpose()?;
        self.drain(stage)
    }

    pub(super) fn wants(&self, topic: &[u8]) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.contains(topic))
    }

    /// Ends the process, if one runs, without another word.
    pub(super) fn stop(&mut self, stage: &mut Stage, cause: Cause) {
        self.inbox.clear();
        self.halted = false;
        if let Some(process) = self.process.take() {
            stage.observe(&Observation::Queues(process.node.queues()));
            stage.observe(&Observation::Stopped { node: self.number, cause });
        }
    }

    pub(super) fn leave(&mut self, stage: &mut Stage) -> Result<(), String> {
        let (now, halted) = (self.clock.now(stage.now), self.halted);
        if let Some(process) = &mut self.process {
            process.leaving = true;
            stage.observe(&Observation::Leaving { node: self.number });
            // A stopped process is told when it runs again.
            process.leaves_later = halted;
            if !halted {
                process.node.leave(now);
            }
        }
        self.drain(stage)
    }

    /// A packet arrives at the node's socket: it is read now or waits.
    pub(super) fn arrive(&mut self, stage: &mut Stage, from: usize, mut packet: Vec<u8>) -> Result<(), String> {
        if self.process.is_none() || (!self.halted && self.inbox.is_prompt()) {
            let result = self.receive(stage, from, &mut packet);
            stage.recycle(packet);
            return result;
        }
        match self.inbox.push(stage.now, from, packet) {
            Ok(readable) => stage.schedule_read(readable, self.number),
            Err(dropped) => stage.recycle(dropped),
        }
        Ok(())
    }

    /// Reads what waited and may be read by now.
    pub(super) fn read(&mut self, stage: &mut Stage) -> Result<(), String> {
        while !self.halted
            && let Some(mut packet) = self.inbox.pop(stage.now)
        {
            self.receive(stage, packet.from, &mut packet.bytes)?;
            stage.recycle(packet.bytes);
        }
        Ok(())
    }

    fn receive(&mut self, stage: &mut Stage, from: usize, packet: &mut [u8]) -> Result<(), String> {
        let now = self.clock.now(stage.now);
        let Some(process) = &mut self.process else { return Ok(()) };
        // What is wrong with a packet, the node counts.
        let _ = process.node.handle_packet(now, Lane::Datagram, &(from as u64), packet);
        self.drain(stage)
    }

    /// Stops the process in its tracks: nothing is read, sent or decided.
    pub(super) fn halt(&mut self, stage: &mut Stage) {
        if self.process.is_some() && !self.halted {
            self.halted = true;
            stage.observe(&Observation::Halted { node: self.number });
        }
    }

    /// Lets a halted process run again: it reads what waited and handles the timers that went by, in the driver's order.
    pub(super) fn resume(&mut self, stage: &mut Stage) -> Result<(), String> {
        if !std::mem::take(&mut self.halted) {
            return Ok(());
        }
        stage.observe(&Observation::Woke { node: self.number });
        let now = self.clock.now(stage.now);
        if let Some(process) = &mut self.process
            && std::mem::take(&mut process.leaves_later)
        {
            process.node.leave(now);
        }
        if stage.reads_first() {
            self.read(stage)?;
            self.expire(stage)
        } else {
            self.expire(stage)?;
            self.read(stage)
        }
    }

    /// From now on the node reads that much later than packets arrive.
    pub(super) fn slow_down(&mut self, delay: Duration) {
        self.inbox.slow_down(delay);
    }

    /// No longer.
    pub(super) fn speed_up(&mut self, stage: &mut Stage, delay: Duration) -> Result<(), String> {
        self.inbox.speed_up(delay, stage.now);
        self.read(stage)
    }

    /// Tells the process the time that its wall clock shows.
    pub(super) fn tell_wall_clock(&mut self, stage: &mut Stage) -> Result<(), String> {
        let (now, wall) = (self.clock.now(stage.now), self.clock.wall(stage.wall_clock()));
        if let Some(process) = &mut self.process {
            process.node.handle_wall_clock(now, wall);
        }
        self.drain(stage)
    }

    /// The wake-up of this instant has come; it may have been put off, or be one of an earlier process.
    pub(super) fn wake(&mut self, stage: &mut Stage) -> Result<(), String> {
        let Some(process) = self.process.as_mut().filter(|process| process.wake == Some(stage.now)) else {
            return Ok(());
        };
        process.wake = None;
        self.expire(stage)
    }

    /// Handles the timers that are due.
    fn expire(&mut self, stage: &mut Stage) -> Result<(), String> {
        let now = self.clock.now(stage.now);
        if self.halted {
            return Ok(());
        }
        let Some(process) = &mut self.process else { return Ok(()) };
        if process.node.poll_timeout().is_some_and(|deadline| deadline <= now) {
            process.spins =
                if process.spins.0 == stage.now { (stage.now, process.spins.1 + 1) } else { (stage.now, 0) };
            if process.spins.1 > SPINS {
                return Err(format!("wants its timer handled over and over: {:?}", process.node.poll_timeout()));
            }
            process.node.handle_timeout(now);
        }
        self.drain(stage)
    }

    /// Lets the application act on the node.
    pub(super) fn command<T>(
        &mut self,
        stage: &Stage,
        command: impl FnOnce(&mut Node<u64>, Instant) -> T,
    ) -> Option<T> {
        let now = self.clock.now(stage.now);
        self.process.as_mut().map(|process| command(&mut process.node, now))
    }

    /// Takes all that the node has to give: events, packets, its next deadline.
    pub(super) fn drain(&mut self, stage: &mut Stage) -> Result<(), String> {
        let now = self.clock.now(stage.now);
        let Some(process) = self.process.as_mut().filter(|_| !self.halted) else { return Ok(()) };
        let mut told = false;
        while let Some(event) = process.node.poll_event() {
            told |= matches!(event, Event::Members(_));
            process.take_event(self.number, stage, &event)?;
        }
        process.keep_up(self.number, stage, told);
        // The simulated network knows one way: frames fare as datagrams do.
        for lane in [Lane::Datagram, Lane::Stream] {
            while let Some(transmit) = process.node.poll_transmit(now, lane, &mut self.buffer) {
                let packet = self.buffer.get(..transmit.len).ok_or("wrote beyond its buffer")?;
                stage.transmit(self.number, transmit.to, packet);
            }
        }
        if process.left {
            self.stop(stage, Cause::Left);
            return Ok(());
        }
        if let Some(deadline) = process.node.poll_timeout() {
            let deadline = stage.wakes_at(self.clock.shared(deadline));
            if process.wake.is_none_or(|wake| wake > deadline) {
                process.wake = Some(deadline);
                stage.schedule_wake(deadline, self.number);
            }
        }
        Ok(())
    }

    /// Looks at the whole table and the whole map, and compares them with what the events told.
    pub(super) fn audit(&mut self, stage: &mut Stage) -> Result<(), String> {
        let number = self.number;
        let Some(process) = self.process.as_mut().filter(|process| !process.leaving) else { return Ok(()) };
        let changed = process.rescan(number, stage);
        if changed > 0 {
            return Err(format!("changed {changed} rows of its member table and told nobody"));
        }
        let mut writes = live_writes(process.node.kv(), stage)?;
        writes.sort_unstable();
        stage.observe(&Observation::Contents { node: number, writes: &writes });
        stage.observe(&Observation::Queues(process.node.queues()));
        Ok(())
    }

    /// Runs and is not about to leave.
    pub(super) fn is_live(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.leaving)
    }

    /// Is stopped in its tracks.
    pub(super) fn is_halted(&self) -> bool {
        self.halted
    }

    /// Who the running process is.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.process.as_ref().map(|process| process.node.identity())
    }

    /// What a running process makes of the round trip between two nodes.
    pub(super) fn rtt(&self, a: NodeId, b: NodeId) -> Option<Duration> {
        self.process.as_ref()?.node.members().rtt(a, b)
    }

    /// The running process's generation and its snapshot.
    pub(super) fn snapshot(&self) -> Option<(u64, Vec<u8>)> {
        self.process.as_ref().map(|process| (process.generation, process.node.snapshot().to_vec()))
    }
}

/// The writes that set what a node holds: of a key several if they did not know of each other.
fn live_writes(kv: Kv<'_>, stage: &Stage) -> Result<Vec<usize>, String> {
    let mut writes = Vec::new();
    for entry in kv.iter() {
        for (version, value) in kv.siblings(entry.scope, entry.key) {
            writes.push(stage.ledger.check_entry(&Entry { version, value: &value, ..entry })?);
        }
    }
    for held in changed(kv) {
        writes.extend(stage.ledger.check_content(held.scope(), held.key(), &held.content())?);
    }
    Ok(writes)
}

/// Of counters and sets the last changes.
fn last_changes(kv: Kv<'_>, stage: &Stage) -> Result<Vec<usize>, String> {
    let versions = changed(kv).flat_map(|held| held.versions().into_iter().map(move |version| (held, version)));
    versions.map(|(held, version)| stage.ledger.write_of(held.scope(), held.key(), version)).collect()
}

/// The keys that hold a counter or a set.
fn changed(kv: Kv<'_>) -> impl Iterator<Item = Holding<'_>> {
    kv.keys(None, b"").filter(|held| held.entry().is_none())
}

/// Makes a node take messages of these topics alone.
fn restrict(node: &mut Node<u64>, now: Instant, topics: &BTreeSet<Vec<u8>>) -> Result<(), String> {
    let former = node.broadcasts().topics().map(|all| all.map(<[u8]>::to_vec).collect::<Vec<_>>()).unwrap_or_default();
    let mut broadcasts = node.broadcasts_mut(now);
    // It wants none, if nothing else follows.
    broadcasts.subscribe(b"").map_err(|error| format!("refused to restrict itself: {error}"))?;
    for topic in former.iter().chain([&Vec::new()]).filter(|topic| !topics.contains(*topic)) {
        broadcasts.unsubscribe(topic);
    }
    for topic in topics {
        broadcasts.subscribe(topic).map_err(|error| format!("refused to take a topic: {error}"))?;
    }
    Ok(())
}

impl Process {
    fn take_event(&mut self, number: usize, stage: &mut Stage, event: &Event<u64>) -> Result<(), String> {
        match event {
            Event::Members(batch) => batch.iter().for_each(|change| self.take_change(number, stage, change)),
            Event::Left => self.left = true,
            Event::Broadcast(message) => {
                if self.node.broadcasts().topics().is_some_and(|mut topics| !topics.any(|of| of == message.topic())) {
                    return Err(format!("delivered the message {:?}, whose topic it does not want", message.id));
                }
                let (message, hops) = (stage.ledger.check_message(message)?, message.hops);
                stage.observe(&Observation::Delivered { message, node: number, hops });
            }
            Event::Kv(change) => {
                let write = stage.ledger.write_of(change.scope, &change.key, change.version)?;
                // Of several that did not know of each other the event names one.
                let versions = self.node.kv().versions(change.scope, &change.key);
                if versions.is_empty() {
                    stage.observe(&Observation::Gone { write, node: number });
                }
                for version in versions {
                    let write = stage.ledger.write_of(change.scope, &change.key, version)?;
                    stage.observe(&Observation::Applied { write, node: number });
                }
            }
            Event::Lagged(lost) => return Err(format!("lost {lost} events although each call was followed by a poll")),
            _ => {}
        }
        Ok(())
    }

    fn take_change(&mut self, number: usize, stage: &mut Stage, told: &MemberEvent<u64>) {
        let Some(subject) = stage.number(told.id) else { return };
        if subject == number {
            return;
        }
        let MemberEvent { generation, incarnation, change, .. } = *told;
        if change == MemberChange::Flapping {
            self.flapping.insert(subject);
        }
        // A new address is no news about life and death.
        if change != MemberChange::Updated {
            stage.observe(&Observation::Told { observer: number, subject, generation, incarnation, change });
        }
        let held = self.held(stage, subject);
        stage.observe(&Observation::Row { observer: number, subject, held });
    }

    /// Follows changes of the table and of the node's own identity that no event tells of.
    fn keep_up(&mut self, number: usize, stage: &mut Stage, told: bool) {
        let generation = self.node.identity().generation;
        if generation != self.generation {
            self.generation = generation;
            stage.observe(&Observation::Renamed { node: number, generation });
        }
        if stage.watches_neighbours()
            && !self.node.neighbours().map(|peer| *peer as usize).eq(self.neighbours.iter().copied())
        {
            self.neighbours = self.node.neighbours().map(|peer| *peer as usize).collect();
            stage.observe(&Observation::Neighbours { node: number, of: &self.neighbours });
        }
        let members = self.node.members();
        let seen = (members.revision(), members.len(), members.live());
        // Events tell of every change of a member's state. What they leave out is that a member was forgotten.
        if seen.0 != self.seen.0 && !told && (seen.1, seen.2) != (self.seen.1, self.seen.2) {
            self.rescan(number, stage);
        }
        self.seen = seen;
    }

    /// Tells of every row that is not what the trace says of it, and how many those were.
    fn rescan(&self, number: usize, stage: &mut Stage) -> usize {
        let mut changed = 0;
        for subject in (0..stage.nodes()).filter(|subject| *subject != number) {
            let held = self.held(stage, subject);
            let known = stage.metrics().cluster().row(number, subject);
            if known != held.map(|held: Held| (held.status, held.generation)) {
                let is_doubt = held.is_some_and(|held| {
                    held.status == Status::Suspect && known == Some((Status::Alive, held.generation))
                });
                changed += usize::from(!is_doubt || !self.flapping.contains(&subject));
                stage.observe(&Observation::Row { observer: number, subject, held });
            }
        }
        changed
    }

    fn held(&self, stage: &Stage, subject: usize) -> Option<Held> {
        let member = self.node.members().get(stage.id(subject))?;
        Some(Held { status: member.status, generation: member.generation, incarnation: member.incarnation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    fn alone() -> (Stage, Host) {
        let text = "name = \"t\"\nnodes = 2\nduration = \"60s\"\n[network]\nlatency = { fixed = \"10ms\" }";
        let spec = Scenario::parse(text, "t.toml").unwrap().spec;
        let (mut stage, mut host) = (Stage::new(&spec, 1), Host::new(0, &spec.config));
        let start = Start {
            generation: 1,
            memory: Memory::Lost,
            snapshot: None,
            contact: None,
            peers: 0,
            metadata: b"m",
            seed: [0; 32],
        };
        host.start(&mut stage, &spec.config, &start).unwrap();
        (stage, host)
    }

    #[test]
    fn a_halted_process_that_is_told_to_leave_leaves_when_it_runs_again() {
        let (mut stage, mut host) = alone();
        host.halt(&mut stage);
        host.leave(&mut stage).unwrap();
        assert!(!host.is_live() && host.identity().is_some(), "it runs, and is about to leave");
        host.resume(&mut stage).unwrap();
        for _ in 0..100 {
            stage.now = stage.now + Duration::from_millis(100);
            host.expire(&mut stage).unwrap();
        }
        assert_eq!(host.identity(), None);
    }

    #[test]
    fn a_halted_process_lets_packets_wait_and_its_timers_pass() {
        let (mut stage, mut host) = alone();
        host.halt(&mut stage);
        host.arrive(&mut stage, 1, vec![0; 40]).unwrap();
        stage.now = stage.now + Duration::from_secs(10);
        host.expire(&mut stage).unwrap();
        assert_eq!(host.command(&stage, |node, _| node.stats().packets_received), Some(0));
        host.resume(&mut stage).unwrap();
        assert_eq!(host.command(&stage, |node, _| node.stats().packets_received), Some(1));
    }
}
