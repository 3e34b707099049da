//! How far the members are with what a phase waits for, and who is missing what.

use gossip_core::broadcast::MessageId;
use gossip_core::kv::Scope;
use gossip_core::{NodeId, Status};

use super::fleet::Fleet;
use crate::catalogue::Entry;

/// How many facts of all that must hold do hold, and for the rest in words where it is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) missing: Vec<String>,
}

impl Progress {
    pub(super) fn complete(&self) -> bool {
        self.done == self.total
    }

    /// Adds what one member has of what it should have.
    fn add(&mut self, name: &str, done: usize, total: usize, what: &str) {
        self.done += done;
        self.total += total;
        if done < total {
            self.missing.push(format!("{name} has {done} of {total} {what}"));
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.done += other.done;
        self.total += other.total;
        self.missing.extend(other.missing);
        self
    }
}

/// Every running member holds every running member alive, in its current life.
pub(super) fn all_alive(fleet: &Fleet) -> Progress {
    let identities: Vec<_> = fleet.running().map(|(_, member, _)| member.identity).collect();
    let mut progress = Progress::default();
    for (_, member, handle) in fleet.running() {
        let seen = handle.with(|node, _| {
            let members = node.members();
            let alive = |id: NodeId, generation| {
                let found = members.get(id);
                found.is_some_and(|found| found.status == Status::Alive && found.generation == generation)
            };
            identities.iter().filter(|identity| alive(identity.id, identity.generation)).count()
        });
        progress.add(&member.name, seen, identities.len(), "members alive");
    }
    progress
}

/// Every running member holds these ones down.
pub(super) fn all_down(fleet: &Fleet, victims: &[usize]) -> Progress {
    let mut progress = Progress::default();
    for (_, member, handle) in fleet.running() {
        let seen = handle.with(|node, _| {
            let members = node.members();
            let down = |victim: &&usize| {
                let found = members.get(fleet.members[**victim].identity.id);
                found.is_some_and(|found| found.status == Status::Down)
            };
            victims.iter().filter(down).count()
        });
        progress.add(&member.name, seen, victims.len(), "killed members down");
    }
    progress
}

/// Every running member but the sender has delivered the message.
pub(super) fn all_delivered(fleet: &Fleet, sender: usize, message: MessageId) -> Progress {
    let mut progress = Progress::default();
    for (index, member, _) in fleet.running().filter(|(index, ..)| *index != sender) {
        progress.add(&member.name, usize::from(fleet.has_delivered(index, message)), 1, "messages");
    }
    progress
}

/// No running member holds any of these keys.
pub(super) fn all_gone(fleet: &Fleet, entries: &[Entry]) -> Progress {
    let mut progress = Progress::default();
    for (_, member, handle) in fleet.running() {
        let gone = handle.with(|node, _| {
            let kv = node.kv();
            entries.iter().filter(|(key, _)| kv.get(Scope::Shared, key.as_bytes()).is_none()).count()
        });
        progress.add(&member.name, gone, entries.len(), "deleted keys gone");
    }
    progress
}

/// Counts entries member by member, and again only where the map has changed.
#[derive(Default)]
pub(super) struct Holdings {
    counted: Vec<Option<Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    generation: u64,
    revision: u64,
    held: usize,
}

impl Holdings {
    /// Every running member holds exactly these entries.
    pub(super) fn all_held(&mut self, fleet: &Fleet, entries: &[Entry]) -> Progress {
        self.counted.resize(fleet.members.len(), None);
        let mut progress = Progress::default();
        for (index, member, handle) in fleet.running() {
            let generation = member.identity.generation;
            let revision = handle.with(|node, _| node.kv().revision());
            let known = self.counted[index]
                .filter(|count| (count.generation, count.revision) == (generation, revision))
                .map(|count| count.held);
            let held = known.unwrap_or_else(|| held(handle, entries));
            self.counted[index] = Some(Count { generation, revision, held });
            progress.add(&member.name, held, entries.len(), "entries");
        }
        progress
    }
}

fn held(handle: &gossip_handle::Handle<std::net::SocketAddr>, entries: &[Entry]) -> usize {
    handle.with(|node, _| {
        let kv = node.kv();
        let equal = |(key, value): &&Entry| {
            kv.get(Scope::Shared, key.as_bytes()).is_some_and(|entry| entry.value == value.as_bytes())
        };
        entries.iter().filter(equal).count()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_who_misses_what() {
        let mut progress = Progress::default();
        progress.add("node-1", 3, 3, "entries");
        progress.add("node-2", 1, 3, "entries");
        assert!(!progress.complete());
        assert_eq!((progress.done, progress.total), (4, 6));
        assert_eq!(progress.missing, ["node-2 has 1 of 3 entries"]);
    }
}
