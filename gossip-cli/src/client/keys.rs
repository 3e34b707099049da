//! `set`, `get`, `delete`, `list`, `siblings`, `resolve` and `publish`.

use serde_json::{Value, json};

use super::http::{Client, Query};
use super::members::text;
use super::{argument_or_stdin, file_or_stdin, put_bytes, typed};
use crate::args::{
    CancelArgs, DeleteArgs, GetArgs, HowArgs, ListArgs, PublishArgs, ResolveArgs, SetArgs, SiblingsArgs, WaitArgs,
};
use crate::change::Change;
use crate::exit::Failure;
use crate::{digits, output};

pub(super) async fn set(client: &Client, args: &SetArgs, json: bool) -> Result<(), Failure> {
    let value = argument_or_stdin(&args.value)?;
    let SetArgs { key, kind, field, if_absent, if_version, how, .. } = args;
    let mut body = write_body(key, how);
    for (name, value) in
        [("if_absent", if_absent.then_some(true.into())), ("if_version", if_version.clone().map(Value::from))]
    {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if kind.is_none() && field.is_empty() {
        body["value"] = value.into();
        return written(&client.put("/v1/key", &body).await?, json);
    }
    body["change"] = json!(Change::of_field(Some(typed::read(*kind, value)?), field));
    written(&client.post("/v1/key", &body).await?, json)
}

pub(super) async fn get(client: &Client, args: &GetArgs, json: bool) -> Result<(), Failure> {
    let query = Query::new().add("key", &args.key).flag("own", args.own);
    let answer = client.get("/v1/key", query).await?;
    if json {
        return output::json(&answer);
    }
    typed::note_others(&answer);
    output::bytes(&typed::shown(&answer)?)
}

pub(super) async fn siblings(client: &Client, args: &SiblingsArgs, json: bool) -> Result<(), Failure> {
    let query = Query::new().add("key", &args.key).flag("own", args.own);
    let answer = client.get("/v1/key", query).await?;
    let alone = [&answer];
    let siblings: Vec<&Value> = match answer["siblings"].as_array() {
        Some(siblings) => siblings.iter().collect(),
        None if answer["type"] == "register" => alone.to_vec(),
        None => Vec::new(),
    };
    if json {
        let row = |sibling: &&Value| {
            let fields = ["value", "value_hex", "version"].map(|name| (name.to_string(), sibling[name].clone()));
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        };
        return output::json(&json!({ "key": args.key, "siblings": siblings.iter().map(row).collect::<Vec<_>>() }));
    }
    if siblings.is_empty() {
        output::note(&format!("none: what members write at the same time to a {} is joined", text(&answer["type"])));
    }
    siblings.iter().try_for_each(|sibling| {
        let value = String::from_utf8_lossy(&value_bytes(sibling)).into_owned();
        output::line(&format!("{}\t{}", text(&sibling["version"]), output::printable(&value)))
    })
}

pub(super) async fn resolve(client: &Client, args: &ResolveArgs, json: bool) -> Result<(), Failure> {
    let mut body = write_body(&args.key, &args.how);
    match (&args.value, &args.pick) {
        (Some(value), _) => {
            // A key that is misspelt has nothing to resolve.
            client.get("/v1/key", Query::new().add("key", &args.key).flag("own", args.how.own)).await?;
            body["value"] = argument_or_stdin(value)?.into();
        }
        (None, pick) => body["pick"] = json!(pick),
    }
    written(&client.put("/v1/key", &body).await?, json)
}

pub(super) async fn delete(client: &Client, args: &DeleteArgs, json: bool) -> Result<(), Failure> {
    let DeleteArgs { key, field, if_version, own, wait } = args;
    if field.is_empty() {
        let query = Query::new().add("key", key).flag("own", *own);
        let query = if_version.iter().fold(query, |query, version| query.add("if_version", version));
        let query = wait_fields(wait).fold(query, |query, (name, value)| query.add(name, &text(&value)));
        return written(&client.delete("/v1/key", query).await?, json);
    }
    let mut body = json!({ "key": key, "own": own, "change": Change::of_field(None, field) });
    for (name, value) in wait_fields(wait).chain(if_version.clone().map(|version| ("if_version", version.into()))) {
        body[name] = value;
    }
    written(&client.post("/v1/key", &body).await?, json)
}

pub(super) async fn list(client: &Client, args: &ListArgs, json: bool) -> Result<(), Failure> {
    let query = Query::new().add("prefix", &args.prefix).flag("own", args.own);
    let answer = client.get("/v1/keys", query).await?;
    if json {
        return output::json(&answer);
    }
    entries(&answer).iter().try_for_each(|entry| output::line(&listed(entry)))
}

/// An entry as a list shows it.
pub(super) fn listed(entry: &Value) -> String {
    let (key, value) = (output::printable(&text(&entry["key"])), output::printable(&typed::in_one_line(entry)));
    match entry["type"].as_str() {
        None | Some("register") => format!("{key}\t{value}"),
        Some(kind) => format!("{key}\t{value}\t{kind}"),
    }
}

pub(super) async fn publish(client: &Client, args: &PublishArgs, json: bool) -> Result<(), Failure> {
    let payload = match &args.text {
        Some(text) => text.clone().into_bytes(),
        None => file_or_stdin(&args.file)
            .map_err(|failure| failure.hint("`--text TEXT` publishes a message that is in no file"))?,
    };
    let mut body = json!({ "topic": args.topic, "class": args.class, "ordered": args.ordered });
    put_bytes(&mut body, "payload", payload);
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    for (name, value) in [
        ("expires_ms", args.expires.map(|time| millis(time).into())),
        ("key", args.key.as_deref().map(Value::from)),
        ("wait_coverage", args.wait_coverage.map(Value::from)),
        ("timeout_ms", args.timeout.map(|time| millis(time).into())),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    let answer = client.post("/v1/publish", &body).await?;
    version(&answer, json)?;
    covered(&answer["coverage"], json)
}

pub(super) async fn cancel(client: &Client, args: &CancelArgs, json: bool) -> Result<(), Failure> {
    let answer = client.post("/v1/cancel", &json!({ "version": args.message })).await?;
    if json { output::json(&answer) } else { output::line(&text(&answer["taken_back_by"])) }
}

/// Says how far a message got, if that was waited for.
fn covered(coverage: &Value, json: bool) -> Result<(), Failure> {
    if coverage.is_null() {
        return Ok(());
    }
    let percent = |field: &str| format!("{:.1} %", 100.0 * coverage[field].as_f64().unwrap_or_default());
    let count = |field: &str| text(&coverage[field]);
    let found = format!(
        "{} of {} members asked have it, of {} others: {}, at least {} with 95 % confidence",
        count("have"),
        count("asked"),
        count("members"),
        percent("estimate"),
        percent("at_least")
    );
    if coverage["reached"] == true {
        return if json { Ok(()) } else { output::line(&found) };
    }
    Err(Failure::unacknowledged(format!("published, but in time it was not shown to have gone as far as asked: {found}"))
        .hint("it goes on spreading; `gossip members` shows who is alive; a share above 0.996 of more than 1024 members cannot be shown"))
}

/// The rows of a list.
pub(super) fn entries(answer: &Value) -> &[Value] {
    answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn version(answer: &Value, json: bool) -> Result<(), Failure> {
    if json { output::json(answer) } else { output::line(&text(&answer["version"])) }
}

/// What every write says: the key, and how.
pub(super) fn write_body(key: &str, how: &HowArgs) -> Value {
    let mut body = json!({ "key": key, "own": how.own });
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let expires = how.expires.map(|time| ("expires_ms", millis(time).into()));
    for (name, value) in wait_fields(&how.wait).chain(expires) {
        body[name] = value;
    }
    body
}

fn wait_fields(args: &WaitArgs) -> impl Iterator<Item = (&'static str, Value)> {
    let timeout = args.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    let wait = args.wait.as_deref().map(|wait| ("wait", wait.into()));
    wait.into_iter().chain(timeout.map(|timeout| ("timeout_ms", timeout.into())))
}

/// Prints a write's version, and who has it if that was waited for.
pub(super) fn written(answer: &Value, json: bool) -> Result<(), Failure> {
    version(answer, json)?;
    acknowledged(answer, json)
}

/// Says who has a write, if that was waited for.
pub(super) fn acknowledged(answer: &Value, json: bool) -> Result<(), Failure> {
    let acks = &answer["acks"];
    if acks.is_null() {
        return Ok(());
    }
    let names = |field: &str| acks[field].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let (have, missing) = (names("have"), names("missing"));
    let (some, all) = (have.len(), have.len() + missing.len());
    if !json {
        for (label, names) in [(format!("acknowledged by {some} of {all}:"), &have), ("missing:".into(), &missing)] {
            if !names.is_empty() {
                output::line(&output::printable(&format!("{label} {}", names.join(" "))))?;
            }
        }
    }
    if acks["enough"] == true {
        return Ok(());
    }
    let missing = output::printable(&missing.join(", "));
    Err(Failure::unacknowledged(format!(
        "written, but in time only {some} of {all} other members acknowledged it; missing: {missing}"
    ))
    .hint("the write stays and goes on spreading; `gossip members` shows who is alive"))
}

/// The value as it was written: text, or bytes that travelled as hexadecimal digits.
pub(super) fn value_bytes(entry: &Value) -> Vec<u8> {
    match (entry["value"].as_str(), entry["value_hex"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(digits)) => digits::read(digits).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        assert_eq!(value_bytes(&json!({ "value_hex": "00ff7f" })), [0, 255, 127]);
        assert_eq!(value_bytes(&json!({ "value": "ä" })), "ä".as_bytes());
    }
}
