//! What was sent and written in earnest, so that whatever nodes hand out can be checked against it.

use std::collections::{BTreeMap, HashMap};

use gossip_core::Identity;
use gossip_core::broadcast::{Message, MessageId};
use gossip_core::kv::{Entry, Scope, Version};
use gossip_core::wire::ClusterKey;
use gossip_core::wire::broadcast::ShortId;

use super::inspect::Name;
use crate::random::mix;

/// Every broadcast message and every accepted write.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    messages: Vec<Sent>,
    /// Of each message. Looked up only, never walked through: its order must not matter.
    numbers: HashMap<Name, usize>,
    versions: BTreeMap<Version, usize>,
    writes: Vec<Write>,
    keys: BTreeMap<(Scope, Vec<u8>), usize>,
}

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

    #[test]
    fn a_version_names_one_write() {
        let mut ledger = Ledger::default();
        ledger.written(Scope::Shared, b"k0", version(1), None).unwrap();
        assert!(ledger.written(Scope::Shared, b"k1", version(1), None).is_err());
    }
}
