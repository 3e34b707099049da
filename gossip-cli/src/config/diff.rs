//! What differs between two configurations, and what it takes for a difference to count.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One key whose value differs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// The dotted path.
    pub(crate) key: String,
    /// The value in effect; null if there is none.
    pub(crate) from: Value,
    /// The new one; null if there is none.
    pub(crate) to: Value,
}

impl Change {
    /// Whether an agent takes it over while it runs. The node itself is made from its configuration and cannot be given
    /// another one; everything around it can.
    pub(crate) fn is_reloadable(&self) -> bool {
        self.key.starts_with("agent.")
    }
}

/// The keys in which two configurations differ, sorted.
pub(crate) fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let (from, to) = (leaves(from), leaves(to));
    let value = |leaves: &BTreeMap<String, Value>, key: &str| leaves.get(key).cloned().unwrap_or_default();
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    keys.into_iter()
        .map(|key| Change { key: key.clone(), from: value(&from, key), to: value(&to, key) })
        .filter(|change| change.from != change.to)
        .collect()
}

/// The values by their dotted paths; a list is one value.
fn leaves(document: &Value) -> BTreeMap<String, Value> {
    fn collect(prefix: &str, value: &Value, to: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    collect(&path, value, to);
                }
            }
            leaf => {
                to.insert(prefix.to_string(), leaf.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect("", document, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let from = json!({ "kv": { "fanout": 3, "enabled": true }, "agent": { "tags": { "a": "1" }, "log": "info" } });
        let to = json!({ "kv": { "fanout": 4, "enabled": true }, "agent": { "tags": { "b": "2" }, "log": "info" } });
        let change = |key: &str, from, to| Change { key: key.to_string(), from, to };
        assert_eq!(
            changes(&from, &to),
            [
                change("agent.tags.a", json!("1"), Value::Null),
                change("agent.tags.b", Value::Null, json!("2")),
                change("kv.fanout", json!(3), json!(4)),
            ]
        );
    }

    #[test]
    fn the_agents_own_table_needs_no_restart_and_the_nodes_fields_do() {
        let reloadable = |key: &str| Change { key: key.into(), from: Value::Null, to: Value::Null }.is_reloadable();
        assert!(reloadable("agent.log") && reloadable("agent.tags.role"));
        assert!(!reloadable("cluster") && !reloadable("kv.fanout"));
    }
}
