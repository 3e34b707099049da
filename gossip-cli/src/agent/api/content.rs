//! What a key holds, as JSON, and how it is changed.

use gossip_core::Identity;
use gossip_core::kv::crdt::{Sketch, Stamp, Value as _};
use gossip_core::kv::{Blob, Content, Holding, Pen, Typed, Version};
use serde_json::{Map, Number, Value, json};

use super::put_text;
use crate::change::{Change, Edit};

/// The quantiles that are told of a sketch, of a million.
const QUANTILES: [(&str, u32); 5] =
    [("min", 0), ("p50", 500_000), ("p90", 900_000), ("p99", 990_000), ("max", 1_000_000)];

/// Puts all that is to say of a key into a row: what it holds, by which writes, and how long still.
pub(super) fn put_all(row: &mut Map<String, Value>, holding: Holding<'_>) {
    put_content(row, holding);
    if let (Some(entry), true) = (holding.entry(), holding.is_plain()) {
        row.insert("version".into(), entry.version.to_string().into());
        return;
    }
    let versions = holding.versions();
    let version = holding.entry().map(|entry| entry.version).or(versions.last().copied());
    row.insert("version".into(), version.map(|version| version.to_string()).into());
    if versions.len() > 1 {
        row.insert("versions".into(), versions.iter().map(Version::to_string).collect());
    }
    let siblings = siblings(holding);
    if siblings.len() > 1 {
        let sibling = |(version, value): &(Version, Blob)| {
            let mut sibling = Map::new();
            put_text(&mut sibling, "value", value);
            sibling.insert("version".into(), version.to_string().into());
            Value::Object(sibling)
        };
        row.insert("siblings".into(), siblings.iter().map(sibling).collect());
    }
    if let Some(left) = holding.expires_in() {
        row.insert("expires_ms".into(), u64::try_from(left.as_millis()).unwrap_or(u64::MAX).into());
    }
}

/// Puts `type` and `value` of a key into a row; `also` tells what it holds besides, if members that did not know of each
/// other used it in different ways.
pub(in crate::agent) fn put_content(row: &mut Map<String, Value>, holding: Holding<'_>) {
    let Some(entry) = holding.entry() else { return put_kinds(row, &holding.content()) };
    row.insert("type".into(), "register".into());
    put_text(row, "value", entry.value);
    if !holding.is_plain() {
        let content = holding.content();
        put_also(row, content.kinds().filter(|typed| !matches!(typed, Typed::Register(_))));
    }
}

/// The values that were set at the same time, by version.
pub(super) fn siblings(holding: Holding<'_>) -> Vec<(Version, Blob)> {
    let content = holding.content();
    let registers = content.kinds().filter_map(|typed| match typed {
        Typed::Register(register) => Some(register),
        _ => None,
    });
    let values = registers.flat_map(|register| register.values());
    values.map(|(dot, _, value)| (Version::from(dot), value.clone())).collect()
}

fn put_kinds(row: &mut Map<String, Value>, content: &Content) {
    let mut kinds = content.kinds();
    if let Some(first) = kinds.next() {
        put_typed(row, first);
    }
    put_also(row, kinds);
}

fn put_also<'a>(row: &mut Map<String, Value>, others: impl Iterator<Item = &'a Typed>) {
    let others: Vec<Value> = others.map(typed).collect();
    if !others.is_empty() {
        row.insert("also".into(), others.into());
    }
}

fn typed(typed: &Typed) -> Value {
    let mut row = Map::new();
    put_typed(&mut row, typed);
    Value::Object(row)
}

fn put_typed(row: &mut Map<String, Value>, typed: &Typed) {
    row.insert("type".into(), type_name(typed).into());
    let value = match typed {
        Typed::Register(register) => return put_text(row, "value", register.latest().map_or(&[], |value| value)),
        Typed::Counter(counter) => number(counter.get()),
        Typed::Set(set) => set.iter().map(element).collect(),
        Typed::StrictSet(set) => set.iter().map(element).collect(),
        Typed::Map(map) => Value::Object(map.iter().map(|(name, content)| (field(name), fields(content))).collect()),
        Typed::Flag(flag) => flag.is_enabled().into(),
        Typed::StrictFlag(flag) => flag.is_enabled().into(),
        Typed::Max(max) => json!(max.get()),
        Typed::Min(min) => json!(min.get()),
        Typed::Sketch(sketch) => quantiles(sketch),
        _ => Value::Null,
    };
    row.insert("value".into(), value);
}

fn fields(content: &Content) -> Value {
    let mut row = Map::new();
    put_kinds(&mut row, content);
    Value::Object(row)
}

/// The name of a field; one that is no text has its bytes written out.
fn field(name: &Blob) -> String {
    std::str::from_utf8(name).map_or_else(|_| name.escape_ascii().to_string(), ToString::to_string)
}

fn element(element: &Blob) -> Value {
    match std::str::from_utf8(element) {
        Ok(text) => text.into(),
        Err(_) => {
            let mut hex = Map::new();
            put_text(&mut hex, "value", element);
            Value::Object(hex)
        }
    }
}

/// A number; as its digits if it is more than JSON's readers take.
fn number(number: i128) -> Value {
    Number::from_i128(number).map_or_else(|| number.to_string().into(), Value::Number)
}

fn quantiles(sketch: &Sketch<Identity>) -> Value {
    let count = u64::try_from(sketch.count()).unwrap_or(u64::MAX);
    let quantiles = QUANTILES.iter().map(|(name, of)| ((*name).to_string(), json!(sketch.quantile(*of))));
    let count = [("count".to_string(), json!(count))];
    Value::Object(count.into_iter().chain(quantiles).collect())
}

fn type_name(typed: &Typed) -> &'static str {
    match typed {
        Typed::Register(_) => "register",
        Typed::Counter(_) => "counter",
        Typed::Set(_) => "set",
        Typed::StrictSet(_) => "strict-set",
        Typed::Map(_) => "map",
        Typed::Flag(_) => "flag",
        Typed::StrictFlag(_) => "strict-flag",
        Typed::Max(_) => "max",
        Typed::Min(_) => "min",
        Typed::Sketch(_) => "sketch",
        _ => "unknown",
    }
}

/// Where a change meets a value of another type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The fields that lead there, the innermost last.
    pub(super) path: Vec<String>,
    pub(super) found: &'static str,
    pub(super) wanted: &'static str,
}

/// Whether a content holds something, but nothing of the type that a change is of.
pub(super) fn misfit(content: &Content, change: &Change) -> Option<Misfit> {
    if !content.kinds().any(|typed| type_name(typed) == change.name()) {
        let found = content.kinds().next().map(type_name)?;
        return Some(Misfit { path: Vec::new(), found, wanted: change.name() });
    }
    let Change::Map(changes) = change else { return None };
    let map = content.kinds().find_map(|typed| if let Typed::Map(map) = typed { Some(map) } else { None })?;
    changes.iter().find_map(|(name, change)| {
        let mut misfit = misfit(map.get(&blob(name))?, change.as_ref()?)?;
        misfit.path.insert(0, name.clone());
        Some(misfit)
    })
}

/// Whether a change that only removes would find nothing to remove.
pub(super) fn has_nothing_for(content: &Content, change: &Change) -> bool {
    let Change::Map(changes) = change else { return content.kinds().next().is_none() };
    let map = content.kinds().find_map(|typed| if let Typed::Map(map) = typed { Some(map) } else { None });
    changes.iter().all(|(name, change)| {
        let inner = map.and_then(|map| map.get(&blob(name)));
        inner.is_none_or(|inner| change.as_ref().is_some_and(|change| has_nothing_for(inner, change)))
    })
}

/// Changes what a key holds.
pub(super) fn apply(content: &mut Content, pen: &mut Pen<'_>, stamp: Stamp, change: &Change) {
    match change {
        Change::Register(text) => content.register().set(pen, stamp, blob(text)),
        Change::Counter(amount) => content.counter().add(pen, *amount),
        Change::Set(edit) => edit_set(content, pen, edit),
        Change::StrictSet(edit) => edit_strict_set(content, pen, edit),
        Change::Flag(true) => content.flag().enable(pen),
        Change::Flag(false) => content.flag().disable(),
        Change::StrictFlag(true) => content.strict_flag().enable(),
        Change::StrictFlag(false) => content.strict_flag().disable(pen),
        Change::Max(number) => _ = content.max().set(pen, *number),
        Change::Min(number) => _ = content.min().set(pen, *number),
        Change::Sketch(number) => content.sketch().record(pen, *number, 1),
        Change::Map(changes) => changes.iter().for_each(|(name, change)| match change {
            Some(change) => content.map().update(pen, blob(name), |inner, pen| apply(inner, pen, stamp, change)),
            None => _ = content.map().remove(pen, &blob(name)),
        }),
    }
}

/// Puts these values in place of all that a key holds.
pub(super) fn replace(content: &mut Content, pen: &mut Pen<'_>, stamp: Stamp, values: &[Change]) {
    content.reset(pen);
    values.iter().for_each(|value| apply(content, pen, stamp, value));
}

fn edit_set(content: &mut Content, pen: &mut Pen<'_>, edit: &Edit) {
    edit.added().iter().for_each(|text| content.set().add(pen, blob(text)));
    edit.removed().iter().for_each(|text| _ = content.set().remove(&blob(text)));
}

fn edit_strict_set(content: &mut Content, pen: &mut Pen<'_>, edit: &Edit) {
    edit.added().iter().for_each(|text| content.strict_set().add(pen, blob(text)));
    edit.removed().iter().for_each(|text| _ = content.strict_set().remove(pen, blob(text)));
}

fn blob(text: &str) -> Blob {
    Blob::from(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use gossip_core::kv::Scope;
    use gossip_core::{Config, Instant, Node, NodeId};

    use super::*;

    fn changed(changes: &[Change]) -> Node<u64> {
        let me = Identity::new(NodeId::from_name("a"), 1);
        let mut node = Node::new(me, 1, Config::local(), [1; 32], Instant::ZERO).unwrap();
        let mut kv = node.kv_mut(Instant::ZERO);
        let stamp = kv.stamp();
        let change =
            |content: &mut Content, pen: &mut Pen<'_>| changes.iter().for_each(|one| apply(content, pen, stamp, one));
        kv.update(Scope::Shared, b"k", change).unwrap();
        node
    }

    fn row(node: &Node<u64>) -> Value {
        let mut row = Map::new();
        put_all(&mut row, node.kv().key(Scope::Shared, b"k").unwrap());
        Value::Object(row)
    }

    #[test]
    fn what_is_shown_is_what_makes_it() {
        let changes = [
            json!({ "type": "counter", "value": -5 }),
            json!({ "type": "strict-set", "value": ["a", "b"] }),
            json!({ "type": "map", "value": { "f": { "type": "register", "value": "x" }, "g": { "type": "min", "value": 1 } } }),
            json!({ "type": "strict-flag", "value": false }),
        ];
        for expected in changes {
            let mut row = row(&changed(&[serde_json::from_value(expected.clone()).unwrap()]));
            assert!(row.as_object_mut().unwrap().remove("version").is_some());
            assert_eq!(row, expected);
        }
    }

    #[test]
    fn other_types_stand_beside_the_first_and_can_be_changed() {
        let changes = [Change::Counter(2), Change::Flag(true), Change::Register("x".into())];
        let node = changed(&changes);
        let row = row(&node);
        assert_eq!((&row["type"], &row["value"]), (&"register".into(), &"x".into()));
        assert_eq!(row["also"], json!([{ "type": "counter", "value": 2 }, { "type": "flag", "value": true }]));
        let content = node.kv().content(Scope::Shared, b"k").unwrap();
        assert!(changes.iter().all(|change| misfit(&content, change).is_none()));
        assert_eq!(misfit(&content, &Change::Max(1)).unwrap().found, "register");
    }

    #[test]
    fn a_field_of_another_type_is_found_in_a_map() {
        let field = |change| Change::of_field(Some(change), &["a".into(), "b".into()]).unwrap();
        let content = changed(&[field(Change::Max(1))]).kv().content(Scope::Shared, b"k").unwrap();
        let expected = Misfit { path: vec!["a".into(), "b".into()], found: "max", wanted: "min" };
        assert_eq!(misfit(&content, &field(Change::Min(1))), Some(expected));
        assert_eq!(misfit(&content, &field(Change::Max(2))), None);
    }
}
