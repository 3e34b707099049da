//! The identity file: JSON for people, with a check for bits that flipped.

use gossip_core::NodeId;
use serde::{Deserialize, Serialize};

use crate::profile;

const FORMAT: u32 = 1;

/// Who the folder's member is, and the generation of its newest life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) generation: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    format: u32,
    name: String,
    id: String,
    generation: u64,
    check: String,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let encoded = Encoded {
            format: FORMAT,
            name: self.name.clone(),
            id: NodeId::from_name(&self.name).to_string(),
            generation: self.generation,
            check: check(&self.name, self.generation),
        };
        let text = serde_json::to_string_pretty(&encoded).expect("strings and numbers can always be written as JSON");
        format!("{text}\n").into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let encoded: Encoded = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if encoded.format != FORMAT {
            return Err(format!("it has the unknown format {}", encoded.format));
        }
        profile::check_name(&encoded.name).map_err(|failure| failure.message)?;
        let id = NodeId::from_name(&encoded.name).to_string();
        if encoded.id != id || encoded.check != check(&encoded.name, encoded.generation) {
            return Err("name, id, generation and check do not belong together".into());
        }
        Ok(Self { name: encoded.name, generation: encoded.generation })
    }
}

/// The hash that makes ids of names serves as a checksum too: eight bytes are plenty against accidents.
fn check(name: &str, generation: u64) -> String {
    NodeId::from_name(&format!("{FORMAT} {name} {generation}")).to_string()[..16].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_file() {
        let record = Record { name: "web-1".into(), generation: u64::MAX };
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn a_newer_format_is_named() {
        let text = String::from_utf8(Record { name: "a".into(), generation: 1 }.encode()).unwrap();
        let newer = text.replace("\"format\": 1", "\"format\": 2");
        assert!(Record::decode(newer.as_bytes()).unwrap_err().contains("format 2"));
    }
}
