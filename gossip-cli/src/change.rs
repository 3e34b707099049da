//! Changes of typed values as JSON: what commands send, the agent applies, and an export holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an export writes instead of a text, so that an import knows it from a text that is JSON: an object with this field
/// alone, which holds one [`Change`] or an array of them.
pub(crate) const MARK: &str = "$gossip";

/// A change of one kind of value; what an agent shows of a key has the same form, so it can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Change {
    /// Sets the value.
    Register(String),
    /// Counts up, or down.
    Counter(i64),
    /// Adds and removes elements.
    Set(Edit),
    /// The same, where a removal wins over an addition at the same time.
    StrictSet(Edit),
    /// Turns it on or off; on wins.
    Flag(bool),
    /// The same; off wins.
    StrictFlag(bool),
    /// Raises it, if this is more.
    Max(i64),
    /// Lowers it, if this is less.
    Min(i64),
    /// Records a number.
    Sketch(u64),
    /// Changes fields, or removes those that are null.
    Map(BTreeMap<String, Option<Self>>),
}

/// Elements to add, or some to add and some to remove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Edit {
    /// To add.
    Add(Vec<String>),
    /// Both.
    Both(Both),
}

/// Elements to add and to remove.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Both {
    pub(crate) add: Vec<String>,
    pub(crate) remove: Vec<String>,
}

/// What an import writes under a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stored {
    /// A text.
    Text(String),
    /// Typed values, of which usually there is one.
    Typed(Vec<Change>),
}

impl Change {
    /// The name of its type.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Counter(_) => "counter",
            Self::Set(_) => "set",
            Self::StrictSet(_) => "strict-set",
            Self::Flag(_) => "flag",
            Self::StrictFlag(_) => "strict-flag",
            Self::Max(_) => "max",
            Self::Min(_) => "min",
            Self::Sketch(_) => "sketch",
            Self::Map(_) => "map",
        }
    }

    /// The change of a field of a map, or of a field in a map in a map, and so on; none: its removal.
    pub(crate) fn of_field(change: Option<Self>, path: &[String]) -> Option<Self> {
        path.iter().rev().fold(change, |change, field| Some(Self::Map(BTreeMap::from([(field.clone(), change)]))))
    }

    /// Whether it only removes: there must be something to remove from.
    pub(crate) fn only_removes(&self) -> bool {
        match self {
            Self::Set(edit) | Self::StrictSet(edit) => edit.added().is_empty(),
            Self::Map(fields) => fields.values().all(|field| field.as_ref().is_none_or(Self::only_removes)),
            _ => false,
        }
    }

    fn len(&self) -> usize {
        let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 32).sum::<usize>();
        match self {
            Self::Register(text) => text.len(),
            Self::Set(edit) | Self::StrictSet(edit) => texts(edit.added()) + texts(edit.removed()),
            Self::Map(fields) => {
                fields.iter().map(|(name, field)| name.len() + field.as_ref().map_or(0, Self::len)).sum()
            }
            _ => 32,
        }
    }
}

impl Edit {
    pub(crate) fn added(&self) -> &[String] {
        match self {
            Self::Add(add) => add,
            Self::Both(both) => &both.add,
        }
    }

    pub(crate) fn removed(&self) -> &[String] {
        match self {
            Self::Add(_) => &[],
            Self::Both(both) => &both.remove,
        }
    }
}

impl Stored {
    /// How long it is: a text in bytes, of others about as many as they take.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Typed(changes) => changes.iter().map(Change::len).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Change, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_change_is_read_as_it_is_written() {
        let texts = [
            r#"{"type":"counter","value":-5}"#,
            r#"{"type":"strict-set","value":["a","b"]}"#,
            r#"{"type":"set","value":{"add":["a"],"remove":["b"]}}"#,
            r#"{"type":"map","value":{"gone":null,"name":{"type":"register","value":"x"}}}"#,
            r#"{"type":"strict-flag","value":false}"#,
        ];
        for text in texts {
            let change = read(text).unwrap();
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
            assert!(text.contains(&format!(r#""type":"{}""#, change.name())));
        }
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for text in [
            "5",
            r#"{"type":"counter"}"#,
            r#"{"type":"counter","value":"5"}"#,
            r#"{"type":"counter","value":5,"more":1}"#,
            r#"{"type":"set","value":{"added":[]}}"#,
            r#"{"type":"list","value":[]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_field_of_a_field_is_a_map_in_a_map() {
        let path = ["a".to_string(), "b".to_string()];
        let change = Change::of_field(Some(Change::Counter(1)), &path).unwrap();
        let text = r#"{"type":"map","value":{"a":{"type":"map","value":{"b":{"type":"counter","value":1}}}}}"#;
        assert_eq!(change, read(text).unwrap());
        assert!(!change.only_removes() && Change::of_field(None, &path).unwrap().only_removes());
    }
}
