//! Counters and sets, which nodes change at the same time.

use gossip_core::Node;
use gossip_core::kv::{Blob, KvError, Scope, Typed, Version};

use super::World;
use super::ledger::{Change, MAX_ADDITIONS};
use crate::scenario::spec::{Kv, Op};
use crate::trace::Observation;

/// So few elements has a set that they are added and removed at the same time.
const ELEMENTS: u64 = 4;

/// An accepted change, the last writes that were there before, and whether nothing is left.
type Accepted = (Version, Vec<Version>, bool);

impl World<'_> {
    /// Counts in a counter, or adds an element to a set or removes it. To remove one that the node does not see does not count.
    pub(super) fn change(&mut self, node: usize, index: usize, spec: &Kv, salt: u64) -> Result<(), String> {
        let scope = if spec.shared { Scope::Shared } else { Scope::Own(self.stage.id(node)) };
        let element = (salt % ELEMENTS) as u8;
        let (key, change) = match spec.op {
            Op::Insert => (format!("s{index}"), Change::Insert(element)),
            Op::Remove => (format!("s{index}"), Change::Remove(element)),
            _ => (self.counter(scope, index), Change::Add),
        };
        let additions = self.stage.ledger.additions(scope, key.as_bytes());
        let write = |writer: &mut Node<u64>, now| apply(writer, now, (scope, key.as_bytes()), change, additions);
        match self.hosts[node].command(&self.stage, write) {
            None | Some(Ok(None)) => {}
            Some(Ok(Some((version, seen, deleted)))) => {
                for version in seen {
                    let write = self.stage.ledger.write_of(scope, key.as_bytes(), version)?;
                    self.stage.observe(&Observation::Applied { write, node });
                }
                let (write, key, piece) = self.stage.ledger.changed(scope, key.as_bytes(), version, change)?;
                let piece = Some(piece);
                self.stage.observe(&Observation::Written { write, key, node, deleted, seen: None, piece });
            }
            Some(Err(error)) => return Err(format!("n{node} refused to change {key}: {error}")),
        }
        self.hosts[node].drain(&mut self.stage).map_err(|what| format!("n{node} {what}"))
    }

    /// The counter of that number, or the next one where it was counted as often as it may be.
    fn counter(&self, scope: Scope, index: usize) -> String {
        let mut name = format!("c{index}");
        while self.stage.ledger.additions(scope, name.as_bytes()) == MAX_ADDITIONS {
            name.push('+');
        }
        name
    }
}

fn apply(
    writer: &mut Node<u64>,
    now: gossip_core::Instant,
    (scope, key): (Scope, &[u8]),
    change: Change,
    additions: usize,
) -> Result<Option<Accepted>, KvError> {
    let blob = |element: u8| Blob::from([element].as_slice());
    let seen = writer.kv().versions(scope, key);
    if let Change::Remove(element) = change {
        let content = writer.kv().content(scope, key).unwrap_or_default();
        if !content.kinds().any(|typed| matches!(typed, Typed::Set(set) if set.contains(&blob(element)))) {
            return Ok(None);
        }
    }
    let (version, ()) = writer.kv_mut(now).update(scope, key, |content, pen| match change {
        Change::Add => content.counter().add(pen, 1 << additions),
        Change::Insert(element) => content.set().add(pen, blob(element)),
        Change::Remove(element) => _ = content.set().remove(&blob(element)),
    })?;
    let is_left = writer.kv().key(scope, key).is_some();
    Ok(Some((version, seen, !is_left)))
}
