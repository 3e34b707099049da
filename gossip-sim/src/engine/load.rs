//! What the application does: broadcasts and writes.

use std::time::Duration;

use gossip_core::Node;
use gossip_core::kv::{KvError, Scope, Version};

use super::World;
use super::forge::FORGERY;
use super::ledger::Ledger;
use super::stage::Step;
use crate::random::mix;
use crate::scenario::spec::{Action, Broadcast, From, Kv, Op, Subscribe};
use crate::trace::Observation;

/// An accepted write, and the version that was there before.
type Accepted = (Version, Option<Version>);

impl World<'_> {
    /// One of the times that an event acts; it schedules the next.
    pub(super) fn round(&mut self, event: usize, round: usize) -> Result<(), String> {
        let spec = self.spec;
        let (times, every) = match &spec.events[event].action {
            Action::Broadcast(broadcast) => {
                self.broadcast(event, round, broadcast)?;
                (broadcast.times, broadcast.every)
            }
            Action::Kv(kv) => {
                self.write_all(event, round, kv)?;
                (kv.times, kv.every)
            }
            Action::Churn(churn) => {
                let times = churn.steps(spec.nodes);
                self.churn(event, round)?;
                (times, churn.lasts / u32::try_from(times).unwrap_or(u32::MAX).max(1))
            }
            Action::Byzantine(byzantine) => {
                self.forge(event, byzantine.behaviour);
                (self.rounds_of(event, byzantine.lasts), FORGERY)
            }
            _ => return Ok(()),
        };
        if round + 1 < times {
            self.stage.schedule(every, Step::Round { event, round: round + 1 });
        }
        Ok(())
    }

    /// Who acts this time; nobody if the one that should does not run.
    fn actors(&mut self, event: usize, from: &From) -> Vec<usize> {
        // A process that is stopped does nothing.
        let live = self.live().into_iter().filter(|node| !self.hosts[*node].is_halted()).collect::<Vec<_>>();
        match from {
            From::All => live,
            From::Random => self.randoms[event].choose(live, 1),
            From::OneOf(nodes) => {
                let among = live.into_iter().filter(|live| nodes.contains(live)).collect();
                self.randoms[event].choose(among, 1)
            }
            From::Node(node) => live.into_iter().filter(|live| live == node).collect(),
        }
    }

    pub(super) fn subscribe(&mut self, event: usize, spec: &Subscribe) -> Result<(), String> {
        for node in self.draw(event, &spec.who) {
            self.hosts[node].subscribe(&mut self.stage, &spec.topics).map_err(|what| format!("n{node} {what}"))?;
        }
        Ok(())
    }

    fn broadcast(&mut self, event: usize, round: usize, spec: &Broadcast) -> Result<(), String> {
        for node in self.actors(event, &spec.from) {
            let salt = salt(event, round, node);
            let payload = Ledger::content(spec.bytes, salt);
            let send = |sender: &mut Node<u64>, now| {
                sender.broadcasts_mut(now).send_with(spec.class, spec.topic.as_bytes(), &payload)
            };
            let Some(sent) = self.hosts[node].command(&self.stage, send) else { continue };
            let message = sent.map_err(|error| format!("n{node} refused to broadcast: {error}"))?;
            self.stage.sent(message, &spec.topic, spec.bytes, salt)?;
            let measured = round >= spec.warmup;
            let (bytes, class) = (spec.bytes, spec.class);
            self.stage.observe(&Observation::Broadcast { node, bytes, class, measured });
            let unwanted = |other: &usize| *other != node && !self.hosts[*other].wants(spec.topic.as_bytes());
            let unwanted = (0..self.hosts.len()).filter(unwanted).collect::<Vec<_>>();
            if !unwanted.is_empty() {
                self.stage.observe(&Observation::Unwanted { by: &unwanted });
            }
            self.drain(node)?;
        }
        Ok(())
    }

    fn write_all(&mut self, event: usize, round: usize, spec: &Kv) -> Result<(), String> {
        for index in 0..spec.keys {
            if spec.op == Op::Race {
                self.race(event, round, index, spec)?;
                continue;
            }
            for node in self.actors(event, &spec.on) {
                if let Op::Add | Op::Insert | Op::Remove = spec.op {
                    self.change(node, index, spec, salt(event, round, mix(index as u64) as usize ^ node))?;
                    continue;
                }
                self.write(node, index, spec, spec.op, salt(event, round, mix(index as u64) as usize ^ node))?;
            }
        }
        Ok(())
    }

    /// Three nodes set a key at one time; what two of them do later is decided now.
    fn race(&mut self, event: usize, round: usize, index: usize, spec: &Kv) -> Result<(), String> {
        let live = self.live().into_iter().filter(|node| !self.hosts[*node].is_halted()).collect();
        let racers = self.randoms[event].choose(live, 3);
        for node in &racers {
            self.write(*node, index, spec, Op::Set, salt(event, round, mix(index as u64) as usize ^ node))?;
        }
        for (seconds, node, op) in [(1, racers.first(), Op::Delete), (2, racers.get(1), Op::Set)] {
            if let Some(node) = node.copied() {
                self.stage.schedule(Duration::from_secs(seconds), Step::Race { event, round, index, node, op });
            }
        }
        Ok(())
    }

    /// A later turn of a race, if the node is there to take it.
    pub(super) fn race_on(
        &mut self,
        event: usize,
        round: usize,
        index: usize,
        node: usize,
        op: Op,
    ) -> Result<(), String> {
        let spec = self.spec;
        let Action::Kv(kv) = &spec.events[event].action else { return Ok(()) };
        if self.hosts[node].is_halted() || !self.hosts[node].is_live() {
            return Ok(());
        }
        self.write(node, index, kv, op, salt(event, round, mix(!(index as u64)) as usize ^ node))
    }

    fn write(&mut self, node: usize, index: usize, spec: &Kv, op: Op, salt: u64) -> Result<(), String> {
        self.write_key(node, &key(spec, index), spec, op, salt).map_err(|what| format!("n{node} {what}"))
    }

    fn write_key(&mut self, node: usize, key: &[u8], spec: &Kv, op: Op, salt: u64) -> Result<(), String> {
        let scope = if spec.shared { Scope::Shared } else { Scope::Own(self.stage.id(node)) };
        let write = |writer: &mut Node<u64>, now| -> Result<Accepted, KvError> {
            let seen = writer.kv().get(scope, key).map(|entry| entry.version);
            let version = match op {
                Op::Delete => writer.kv_mut(now).delete(scope, key),
                _ => writer.kv_mut(now).set(scope, key, &Ledger::content(spec.values, salt)),
            };
            version.map(|version| (version, seen))
        };
        match self.hosts[node].command(&self.stage, write) {
            Some(Ok((version, seen))) => {
                let seen = seen.map(|seen| self.stage.ledger.write_of(scope, key, seen)).transpose()?;
                let deleted = op == Op::Delete;
                let value = (!deleted).then_some((spec.values, salt));
                let bytes = key.len() + if deleted { 0 } else { spec.values };
                let (write, key) = self.stage.ledger.written(scope, key, version, value)?;
                if self.stage.has_newcomer() {
                    let is_first = self.first_load().is_some_and(|first| std::ptr::eq(first, spec));
                    self.stage.observe(&Observation::Weighed { bytes, is_first });
                }
                self.stage.observe(&Observation::Written { write, key, node, deleted, seen, piece: None });
            }
            // Nothing there to delete: by the contract this does not count.
            None | Some(Err(KvError::NotFound)) => {}
            Some(Err(error)) => return Err(format!("refused to write {}: {error}", String::from_utf8_lossy(key))),
        }
        self.hosts[node].drain(&mut self.stage)
    }

    /// The first event that writes.
    fn first_load(&self) -> Option<&Kv> {
        self.spec.events.iter().find_map(|event| match &event.action {
            Action::Kv(load) => Some(load),
            _ => None,
        })
    }

    fn drain(&mut self, node: usize) -> Result<(), String> {
        self.hosts[node].drain(&mut self.stage).map_err(|what| format!("n{node} {what}"))
    }
}

/// A key, by its number: that follows the prefix, or bytes that follow from it if keys have a length.
fn key(spec: &Kv, index: usize) -> Vec<u8> {
    match spec.key_bytes {
        None => format!("{}{index}", spec.prefix).into_bytes(),
        Some(len) => {
            let rest = Ledger::content(len - spec.prefix.len(), mix(index as u64));
            [spec.prefix.as_bytes(), &rest].concat()
        }
    }
}

/// Makes each content differ from all others of the run.
fn salt(event: usize, round: usize, which: usize) -> u64 {
    mix(event as u64) ^ mix(mix(round as u64)) ^ mix(mix(mix(which as u64)))
}
