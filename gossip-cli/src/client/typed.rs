//! `incr`, `add` and `remove`, and how values of all types are read and shown.

use serde_json::{Map, Value, json};

use super::http::Client;
use super::keys::{acknowledged, value_bytes, write_body, written};
use super::members::text;
use crate::args::{ElementsArgs, HowArgs, IncrArgs, SetType};
use crate::change::{Both, Change, Edit};
use crate::exit::Failure;
use crate::output;

pub(super) async fn incr(client: &Client, args: &IncrArgs, json: bool) -> Result<(), Failure> {
    let IncrArgs { key, by, field, how } = args;
    let answer = change(client, key, Change::Counter(*by), field, how).await?;
    if json {
        output::json(&answer)?;
    } else {
        let stands = field.iter().fold(&answer["value"], |value, field| &value[field.as_str()]["value"]);
        output::line(&text(stands))?;
    }
    acknowledged(&answer, json)
}

pub(super) async fn add(client: &Client, args: &ElementsArgs, json: bool) -> Result<(), Failure> {
    edit(client, args, Edit::Add(args.elements.clone()), json).await
}

pub(super) async fn remove(client: &Client, args: &ElementsArgs, json: bool) -> Result<(), Failure> {
    edit(client, args, Edit::Both(Both { remove: args.elements.clone(), add: Vec::new() }), json).await
}

async fn edit(client: &Client, args: &ElementsArgs, edit: Edit, json: bool) -> Result<(), Failure> {
    let of_set = if args.kind == "set" { Change::Set(edit) } else { Change::StrictSet(edit) };
    written(&change(client, &args.key, of_set, &args.field, &args.how).await?, json)
}

async fn change(client: &Client, key: &str, change: Change, field: &[String], how: &HowArgs) -> Result<Value, Failure> {
    let mut body = write_body(key, how);
    body["change"] = json!(Change::of_field(Some(change), field));
    client.post("/v1/key", &body).await
}

/// What `set` writes: a text, or a value of a type.
pub(super) fn read(kind: Option<SetType>, value: String) -> Result<Change, Failure> {
    let wrong = |what: &str| Failure::input(format!("`{}` is no {what}", output::printable(&value)));
    let flag = || value.trim().parse().map_err(|_| wrong("flag").hint("a flag is `true` or `false`"));
    let whole = || value.trim().parse().map_err(|_| wrong("whole number of 64 bits"));
    Ok(match kind {
        None => Change::Register(value),
        Some(SetType::Flag) => Change::Flag(flag()?),
        Some(SetType::StrictFlag) => Change::StrictFlag(flag()?),
        Some(SetType::Max) => Change::Max(whole()?),
        Some(SetType::Min) => Change::Min(whole()?),
        Some(SetType::Sketch) => {
            Change::Sketch(value.trim().parse().map_err(|_| wrong("whole number from 0 of 64 bits"))?)
        }
    })
}

/// A value as `get` prints it: a text as it is, a set with one element a line, a map as JSON.
pub(super) fn shown(entry: &Value) -> Result<Vec<u8>, Failure> {
    let mut shown = match (entry["type"].as_str(), plain(entry)) {
        (Some("register"), _) => value_bytes(entry),
        (_, Value::Array(elements)) => {
            let lines: Vec<String> = elements.iter().map(|element| output::printable(&text(element))).collect();
            if lines.is_empty() {
                return Ok(Vec::new());
            }
            lines.join("\n").into_bytes()
        }
        (_, value @ Value::Object(_)) => {
            serde_json::to_vec_pretty(&value).map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))?
        }
        (_, value) => text(&value).into_bytes(),
    };
    shown.push(b'\n');
    Ok(shown)
}

/// A value as lists and changes show it.
pub(super) fn in_one_line(entry: &Value) -> String {
    match plain(entry) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Says what a key holds besides what is shown.
pub(super) fn note_others(entry: &Value) {
    let kinds = |name: &str| entry[name].as_array().map(Vec::as_slice).unwrap_or_default();
    for other in kinds("also") {
        output::note(&format!("it is also a {}: {}", text(&other["type"]), output::printable(&in_one_line(other))));
    }
    let siblings = kinds("siblings").len();
    if siblings > 1 {
        output::note(&format!("one of {siblings} values written at the same time: see `gossip siblings`"));
    }
}

/// A value without the types of what is in it.
fn plain(entry: &Value) -> Value {
    match &entry["value"] {
        Value::Object(fields) if entry["type"] == "map" => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), plain(field)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(elements) => {
            let element = |element: &Value| match element {
                Value::Object(_) => Value::String(String::from_utf8_lossy(&value_bytes(element)).into_owned()),
                text => text.clone(),
            };
            elements.iter().map(element).collect()
        }
        Value::Null => String::from_utf8_lossy(&value_bytes(entry)).into_owned().into(),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(entry: &Value) -> String {
        String::from_utf8(shown(entry).unwrap()).unwrap()
    }

    #[test]
    fn each_type_is_printed_in_its_way() {
        assert_eq!(printed(&json!({ "type": "register", "value": "a\tb" })), "a\tb\n");
        assert_eq!(printed(&json!({ "type": "counter", "value": -7 })), "-7\n");
        assert_eq!(printed(&json!({ "type": "counter", "value": "36893488147419103230" })), "36893488147419103230\n");
        assert_eq!(printed(&json!({ "type": "set", "value": ["a", "b\n", { "value_hex": "41" }] })), "a\nb\\n\nA\n");
        assert_eq!(printed(&json!({ "type": "strict-set", "value": [] })), "");
        assert_eq!(printed(&json!({ "type": "flag", "value": true })), "true\n");
    }

    #[test]
    fn a_map_is_shown_without_types() {
        let map = json!({ "type": "map", "value": {
            "n": { "type": "counter", "value": 2 },
            "in": { "type": "map", "value": { "x": { "type": "register", "value": "y" } } },
        } });
        assert_eq!(in_one_line(&map), r#"{"in":{"x":"y"},"n":2}"#);
        assert_eq!(serde_json::from_str::<Value>(&printed(&map)).unwrap(), json!({ "in": { "x": "y" }, "n": 2 }));
    }

    #[test]
    fn what_does_not_fit_a_type_is_refused() {
        for (kind, value) in [(SetType::Flag, "on"), (SetType::Max, "1.5"), (SetType::Sketch, "-1"), (SetType::Min, "")]
        {
            assert!(read(Some(kind), value.into()).is_err(), "{value}");
        }
        assert_eq!(read(Some(SetType::Max), " -5\n".into()).unwrap(), Change::Max(-5));
    }
}
