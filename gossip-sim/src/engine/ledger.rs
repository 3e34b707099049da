//! What was sent and written in earnest, so that whatever nodes hand out can be checked against it.

use std::collections::{BTreeMap, HashMap};

use gossip_core::Identity;
use gossip_core::broadcast::{Message, MessageId};
use gossip_core::kv::{Content, Entry, Scope, Typed, Version};
use gossip_core::wire::ClusterKey;
use gossip_core::wire::broadcast::ShortId;

use super::inspect::Name;
use crate::random::mix;
use crate::trace::Piece;

/// Every broadcast message and every accepted write.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    messages: Vec<Sent>,
    /// Of each message. Looked up only, never walked through: its order must not matter.
    numbers: HashMap<Name, usize>,
    versions: BTreeMap<Version, usize>,
    writes: Vec<Write>,
    keys: BTreeMap<(Scope, Vec<u8>), usize>,
    /// By key the writes that counted, in their order.
    additions: BTreeMap<usize, Vec<usize>>,
    /// By key and element the writes that added it to the key's set.
    insertions: BTreeMap<(usize, u8), Vec<usize>>,
}

/// A change of a counter or of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Counts by two to the power of how many times it was counted before: so the sum tells who counted.
    Add,
    Insert(u8),
    Remove(u8),
}

/// So many times a counter may be counted.
pub(super) const MAX_ADDITIONS: usize = 62;

#[derive(Debug)]
struct Sent {
    topic: String,
    bytes: usize,
    salt: u64,
}

#[derive(Debug)]
struct Write {
    key: usize,
    /// Length and salt of the value; none of a delete.
    value: Option<(usize, u64)>,
}

impl Ledger {
    /// A payload or value that differs for each salt.
    pub(super) fn content(bytes: usize, salt: u64) -> Vec<u8> {
        let words = (0..bytes.div_ceil(8) as u64).flat_map(|word| mix(mix(salt) ^ word).to_le_bytes());
        words.take(bytes).collect()
    }

    pub(super) fn sent(
        &mut self,
        key: &ClusterKey,
        id: MessageId,
        topic: &str,
        bytes: usize,
        salt: u64,
    ) -> Result<(), String> {
        let short = key.short(Identity::new(id.origin, id.generation));
        self.numbers.insert(Name::Short(short, id.sequence), self.messages.len());
        self.numbers.insert(Name::Part(ShortId::of(short, id.sequence)), self.messages.len());
        if self.numbers.insert(Name::Full(id), self.messages.len()).is_some() {
            return Err(format!("two messages have the id {id:?}"));
        }
        self.messages.push(Sent { topic: topic.to_owned(), bytes, salt });
        Ok(())
    }

    /// As which a message was sent, counted from 0; none that nobody sent.
    pub(super) fn message(&self, name: Name) -> Option<usize> {
        self.numbers.get(&name).copied()
    }

    /// Whether a delivered message is one that was sent, unchanged; answers its number.
    pub(super) fn check_message(&self, message: &Message) -> Result<usize, String> {
        let id = message.id;
        let number =
            self.message(Name::Full(id)).ok_or_else(|| format!("delivered the message {id:?}, which nobody sent"))?;
        let sent = &self.messages[number];
        if message.topic() == sent.topic.as_bytes() && message.payload() == Self::content(sent.bytes, sent.salt) {
            Ok(number)
        } else {
            Err(format!("delivered the message {id:?} with another topic or payload than was sent"))
        }
    }

    /// Notes an accepted write; answers its number and that of its key. `value` is length and salt, none for a delete.
    pub(super) fn written(
        &mut self,
        scope: Scope,
        key: &[u8],
        version: Version,
        value: Option<(usize, u64)>,
    ) -> Result<(usize, usize), String> {
        let keys = self.keys.len();
        let key = *self.keys.entry((scope, key.to_vec())).or_insert(keys);
        let write = self.writes.len();
        if self.versions.insert(version, write).is_some() {
            return Err(format!("two writes have the version {version:?}"));
        }
        self.writes.push(Write { key, value });
        Ok((write, key))
    }

    /// How many times a counter was counted.
    pub(super) fn additions(&self, scope: Scope, key: &[u8]) -> usize {
        let key = self.keys.get(&(scope, key.to_vec()));
        key.and_then(|key| self.additions.get(key)).map_or(0, Vec::len)
    }

    /// Notes an accepted change of a counter or a set; answers its number, that of its key and the piece of it.
    pub(super) fn changed(
        &mut self,
        scope: Scope,
        key: &[u8],
        version: Version,
        change: Change,
    ) -> Result<(usize, usize, Piece), String> {
        let (write, key) = self.written(scope, key, version, None)?;
        let (number, removed) = match change {
            Change::Add => {
                let additions = self.additions.entry(key).or_default();
                additions.push(write);
                (additions.len() - 1, false)
            }
            Change::Insert(element) => {
                self.insertions.entry((key, element)).or_default().push(write);
                (element.into(), false)
            }
            Change::Remove(element) => (element.into(), true),
        };
        Ok((write, key, Piece { number, removed }))
    }

    /// The writes of which a key's counter and set are made: of an element all that added it.
    pub(super) fn check_content(&self, scope: Scope, key: &[u8], content: &Content) -> Result<Vec<usize>, String> {
        let name = || String::from_utf8_lossy(key).into_owned();
        let number =
            *self.keys.get(&(scope, key.to_vec())).ok_or_else(|| format!("holds {}, which nobody wrote", name()))?;
        let mut writes = Vec::new();
        for typed in content.kinds() {
            match typed {
                Typed::Counter(counter) => {
                    let additions = self.additions.get(&number).map(Vec::as_slice).unwrap_or_default();
                    let sum = u64::try_from(counter.get()).ok().filter(|sum| sum >> additions.len() == 0);
                    let sum =
                        sum.ok_or_else(|| format!("holds {} as {}, which nobody counted", name(), counter.get()))?;
                    writes.extend(
                        additions.iter().enumerate().filter(|(at, _)| sum >> at & 1 == 1).map(|(_, write)| write),
                    );
                }
                Typed::Set(set) => {
                    for element in set.iter() {
                        let [element] = **element else { return Err(format!("holds a strange element of {}", name())) };
                        let added = self.insertions.get(&(number, element));
                        writes.extend(
                            added
                                .ok_or_else(|| format!("holds element {element} of {}, which nobody added", name()))?,
                        );
                    }
                }
                _ => return Err(format!("holds {} as something that nobody wrote", name())),
            }
        }
        Ok(writes)
    }

    /// The number of the write that made a version of a key.
    pub(super) fn write_of(&self, scope: Scope, key: &[u8], version: Version) -> Result<usize, String> {
        let key_number = self.keys.get(&(scope, key.to_vec()));
        let write = self.versions.get(&version).filter(|write| Some(&self.writes[**write].key) == key_number);
        write.copied().ok_or_else(|| {
            format!("holds {scope:?} {} in version {version:?}, which nobody wrote", String::from_utf8_lossy(key))
        })
    }

    /// Whether an entry is what was written, unchanged; answers the write's number.
    pub(super) fn check_entry(&self, entry: &Entry<'_>) -> Result<usize, String> {
        let write = self.write_of(entry.scope, entry.key, entry.version)?;
        match self.writes[write].value {
            Some((bytes, salt)) if entry.value == Self::content(bytes, salt) => Ok(write),
            Some(_) => Err(format!("holds another value of {} than was written", String::from_utf8_lossy(entry.key))),
            None => Err(format!("holds a delete of {} as an entry", String::from_utf8_lossy(entry.key))),
        }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::NodeId;

    use super::*;

    fn version(counter: u64) -> Version {
        Version { node: NodeId::from_name("n0"), life: 1 << 16, counter }
    }

    fn entry<'a>(key: &'a [u8], value: &'a [u8], counter: u64) -> Entry<'a> {
        Entry { scope: Scope::Shared, key, value, version: version(counter) }
    }

    #[test]
    fn contents_have_their_length_and_differ_by_salt() {
        assert_eq!(Ledger::content(13, 1).len(), 13);
        assert_ne!(Ledger::content(13, 1), Ledger::content(13, 2));
    }

    #[test]
    fn an_entry_passes_only_as_it_was_written() {
        let mut ledger = Ledger::default();
        let value = Ledger::content(32, 9);
        ledger.written(Scope::Shared, b"k0", version(1), Some((32, 9))).unwrap();
        ledger.written(Scope::Shared, b"k1", version(2), None).unwrap();
        assert_eq!(ledger.check_entry(&entry(b"k0", &value, 1)), Ok(0));
        for (what, wrong) in [
            ("value", entry(b"k0", b"other", 1)),
            ("version", entry(b"k0", &value, 3)),
            ("key", entry(b"k1", &value, 1)),
            ("delete", entry(b"k1", &value, 2)),
        ] {
            assert!(ledger.check_entry(&wrong).is_err(), "another {what} passed");
        }
    }

    fn changed(change: impl FnOnce(&mut Content, &mut gossip_core::kv::Pen<'_>)) -> Content {
        let id = Identity::new(NodeId::from_name("n0"), 1);
        let mut node =
            gossip_core::Node::new(id, 0_u64, gossip_core::Config::lan(), [1; 32], gossip_core::Instant::ZERO).unwrap();
        let mut kv = node.kv_mut(gossip_core::Instant::ZERO);
        kv.update(Scope::Shared, b"k", change).unwrap();
        node.kv().content(Scope::Shared, b"k").unwrap()
    }

    #[test]
    fn a_sum_tells_who_counted_and_one_that_nobody_did_is_found() {
        let mut ledger = Ledger::default();
        for counter in 1..=3 {
            let piece = ledger.changed(Scope::Shared, b"k", version(counter), Change::Add).unwrap().2;
            assert_eq!(piece, Piece { number: counter as usize - 1, removed: false });
        }
        let check =
            |sum| ledger.check_content(Scope::Shared, b"k", &changed(|content, pen| content.counter().add(pen, sum)));
        assert_eq!(check(0b101), Ok(vec![0, 2]));
        assert!(check(0b1000).is_err() && check(-1).is_err());
    }

    #[test]
    fn an_element_stands_for_all_who_added_it_and_one_that_nobody_did_is_found() {
        let mut ledger = Ledger::default();
        for (counter, change) in [(1, Change::Insert(7)), (2, Change::Remove(7)), (3, Change::Insert(7))] {
            ledger.changed(Scope::Shared, b"k", version(counter), change).unwrap();
        }
        let check = |element: u8| {
            let held =
                changed(|content, pen| content.set().add(pen, gossip_core::kv::Blob::from([element].as_slice())));
            ledger.check_content(Scope::Shared, b"k", &held)
        };
        assert_eq!(check(7), Ok(vec![0, 2]));
        assert!(check(8).is_err());
    }

    #[test]
    fn a_version_names_one_write() {
        let mut ledger = Ledger::default();
        ledger.written(Scope::Shared, b"k0", version(1), None).unwrap();
        assert!(ledger.written(Scope::Shared, b"k1", version(1), None).is_err());
    }
}
