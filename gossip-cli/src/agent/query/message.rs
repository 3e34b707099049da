//! What agents say to each other about queries: a question is a broadcast of a reserved topic, every reply a direct message
//! to who asked.
//!
//! ```text
//! question = one line of JSON (Head), then the data
//! reply    = kind (1 byte), id of the query (8 bytes, big-endian), the rest by kind
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Topics that begin so are the agents' own.
const RESERVED: &[u8] = b"@gossip/";
/// The topic of questions.
pub(in crate::agent) const TOPIC: &[u8] = b"@gossip/query";
/// The port of replies.
pub(super) const PORT: u8 = 1;
/// What a reply takes besides its answer.
pub(super) const REPLY_OVERHEAD: usize = 9;
/// How far two clocks may differ before a question in time is taken for an old one.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// Whether the topic is for agents alone.
pub(in crate::agent) fn is_reserved(topic: &[u8]) -> bool {
    topic.starts_with(RESERVED)
}

/// What a question says besides its data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Head {
    /// The query, among those of who asks.
    pub(super) id: u64,
    /// What is asked.
    pub(super) name: String,
    /// How long an answer is waited for, in milliseconds.
    pub(super) ms: u64,
    /// When that is over, in Unix milliseconds of who asks: nobody answers a question that was repaired much later.
    pub(super) until: u64,
    /// Only members with these tags are asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
}

impl Head {
    pub(super) fn new(name: &str, timeout: Duration, tags: BTreeMap<String, String>) -> Option<Self> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).ok()?;
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let id = u64::from_be_bytes(id);
        Some(Self { id, name: name.to_string(), ms, until: unix_ms().saturating_add(ms), tags })
    }

    pub(super) fn encode(&self, data: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self).ok()?;
        bytes.push(b'\n');
        bytes.extend_from_slice(data);
        Some(bytes)
    }

    /// The head and the data.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
    }

    /// Whether nobody waits for an answer any more.
    pub(super) fn is_over(&self) -> bool {
        let tolerance = u64::try_from(CLOCK_TOLERANCE.as_millis()).unwrap_or(u64::MAX);
        self.until.saturating_add(tolerance) < unix_ms()
    }
}

/// What a member says to who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It has the question, and a handler for it.
    Acknowledged,
    /// The handler's standard output.
    Answer(Vec<u8>),
    /// There is no answer, and why.
    Failed(String),
    /// It has the question, and no handler for it.
    NoHandler,
}

impl Reply {
    pub(super) fn encode(&self, id: u64) -> Vec<u8> {
        let (kind, rest) = match self {
            Self::Acknowledged => (1, &[][..]),
            Self::Answer(output) => (2, &output[..]),
            Self::Failed(why) => (3, why.as_bytes()),
            Self::NoHandler => (4, &[][..]),
        };
        [&[kind], &id.to_be_bytes()[..], rest].concat()
    }

    /// The query's id and the reply.
    pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let reply = match kind {
            1 => Self::Acknowledged,
            2 => Self::Answer(rest.to_vec()),
            3 => Self::Failed(String::from_utf8_lossy(rest).into_owned()),
            4 => Self::NoHandler,
            _ => return None,
        };
        Some((u64::from_be_bytes(*id), reply))
    }
}

fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_its_bytes_with_any_data() {
        let head = Head::new("load", Duration::from_secs(5), [("role".into(), "web\n".into())].into()).unwrap();
        let bytes = head.encode(b"a\n\xff").unwrap();
        assert_eq!(Head::decode(&bytes), Some((head, &b"a\n\xff"[..])));
        for bad in [&b""[..], b"{}\n", b"no json\n", b"{\"id\":1}"] {
            assert_eq!(Head::decode(bad), None);
        }
    }

    #[test]
    fn a_question_is_over_some_time_after_its_deadline() {
        let mut head = Head::new("load", Duration::from_secs(5), BTreeMap::new()).unwrap();
        assert!(!head.is_over());
        head.until -= 60_000;
        assert!(head.is_over());
    }

    #[test]
    fn a_reply_survives_its_bytes() {
        let replies =
            [Reply::Acknowledged, Reply::Answer(b"\x00x".to_vec()), Reply::Failed("why".into()), Reply::NoHandler];
        for reply in replies {
            assert_eq!(Reply::decode(&reply.encode(7)), Some((7, reply)));
        }
        assert!(Reply::decode(b"\x01short").is_none() && Reply::decode(b"\x09........").is_none());
    }
}
