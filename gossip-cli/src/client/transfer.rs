//! `import` and `export`.

use std::path::Path;

use serde_json::{Value, json};

use super::http::{Client, Query};
use super::keys::entries;
use super::{members::text, stdin};
use crate::args::{ExportArgs, ImportArgs};
use crate::change::{Change, Stored};
use crate::entries::Entry;
use crate::exit::Failure;
use crate::{catalogue, entries as files, output};

pub(super) async fn import(client: &Client, args: &ImportArgs, json: bool) -> Result<(), Failure> {
    let parse = |text: &str, file: &str| files::parse(text, args.key.as_deref(), file);
    let entries = match &args.file {
        Some(file) if file.as_os_str() == "-" => parse(&stdin()?, "standard input")?,
        Some(file) => parse(&read(file)?, &file.display().to_string())?,
        None => catalogue::sample()?.into_iter().map(|(key, text)| (key, Stored::Text(text))).collect(),
    };
    let answer = client.post("/v1/keys", &json!({ "entries": entries, "own": args.own })).await?;
    if json {
        return output::json(&answer);
    }
    let last = match &answer["version"] {
        Value::Null => String::new(),
        version => format!(", last version {}", text(version)),
    };
    output::line(&format!("imported {} entries, {} bytes{last}", answer["imported"], answer["bytes"]))
}

pub(super) async fn export(client: &Client, args: &ExportArgs) -> Result<(), Failure> {
    let answer = client.get("/v1/keys", Query::new().add("prefix", &args.prefix)).await?;
    let chosen = entries(&answer).iter().filter(|entry| args.all || !text(&entry["key"]).starts_with('@'));
    let exported = chosen.clone().filter_map(|entry| exported(entry).transpose()).collect::<Result<Vec<_>, _>>()?;
    output::bytes(files::to_json(exported)?.as_bytes())?;
    let left_out = chosen.filter(|entry| holds_sketch(entry)).count();
    if left_out > 0 {
        output::note(&format!("{left_out} keys were left out: a sketch cannot be exported"));
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}; nothing was imported", file.display())))
}

/// What stands in the file for a key; nothing if it holds a sketch, whose numbers are not to be had.
fn exported(entry: &Value) -> Result<Option<Entry>, Failure> {
    let key = text(&entry["key"]);
    let binary = |what| {
        Failure::failed(format!("the {what} of {key:?} is not text, which JSON cannot hold"))
            .hint("export around it with --prefix, and read it with `gossip get`")
    };
    if !entry["key_hex"].is_null() {
        return Err(binary("key"));
    }
    let also = entry["also"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entry["type"] == "register" && also.is_empty() {
        let value = entry["value"].as_str().ok_or_else(|| binary("value"))?.to_string();
        return Ok(Some((key, Stored::Text(value))));
    }
    if holds_sketch(entry) {
        return Ok(None);
    }
    let values = std::iter::once(entry).chain(also).map(change);
    Ok(Some((key.clone(), Stored::Typed(values.collect::<Option<_>>().ok_or_else(|| binary("value"))?))))
}

/// A value of a type as the change that makes it; nothing if there is more to it than such a change can say.
fn change(value: &Value) -> Option<Change> {
    if value["type"] != "map" {
        return serde_json::from_value(json!({ "type": value["type"], "value": value["value"] })).ok();
    }
    let field = |(name, field): (&String, &Value)| Some((name.clone(), Some(change(field)?)));
    value["value"].as_object()?.iter().map(field).collect::<Option<_>>().map(Change::Map)
}

fn holds_sketch(value: &Value) -> bool {
    let fields = value["value"].as_object().filter(|_| value["type"] == "map");
    let mut inner = fields.into_iter().flat_map(|fields| fields.values());
    value["type"] == "sketch"
        || inner.any(holds_sketch)
        || value["also"].as_array().into_iter().flatten().any(holds_sketch)
}
