//! `import` and `export`.

use std::path::Path;

use serde_json::{Value, json};

use super::http::{Client, Query};
use super::keys::entries;
use super::{members::text, stdin};
use crate::args::{ExportArgs, ImportArgs};
use crate::entries::Entry;
use crate::exit::Failure;
use crate::{catalogue, entries as files, output};

pub(super) async fn import(client: &Client, args: &ImportArgs, json: bool) -> Result<(), Failure> {
    let parse = |text: &str, file: &str| files::parse(text, args.key.as_deref(), file);
    let entries = match &args.file {
        Some(file) if file.as_os_str() == "-" => parse(&stdin()?, "standard input")?,
        Some(file) => parse(&read(file)?, &file.display().to_string())?,
        None => catalogue::sample()?,
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
    let exported = chosen.map(exported).collect::<Result<Vec<_>, _>>()?;
    output::bytes(files::to_json(exported)?.as_bytes())
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}; nothing was imported", file.display())))
}

fn exported(entry: &Value) -> Result<Entry, Failure> {
    let key = text(&entry["key"]);
    let binary = |what| {
        Failure::failed(format!("the {what} of {key:?} is not text, which JSON cannot hold"))
            .hint("export around it with --prefix, and read it with `gossip get`")
    };
    if !entry["key_hex"].is_null() {
        return Err(binary("key"));
    }
    let value = entry["value"].as_str().ok_or_else(|| binary("value"))?.to_string();
    Ok((key, value))
}
