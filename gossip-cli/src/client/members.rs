//! `members`, `info`, `join`, `leave` and `force-leave`.

use clap::ValueEnum as _;
use serde_json::{Value, json};

use super::http::{Client, Query};
use super::why;
use crate::args::{ForceLeaveArgs, JoinArgs, MembersArgs};
use crate::exit::Failure;
use crate::output::{self, printable};

pub(super) async fn list(client: &Client, args: &MembersArgs, json: bool) -> Result<(), Failure> {
    let mut query = Query::new().flag("all", args.all);
    for tag in &args.tag {
        query = query.add("tag", tag);
    }
    for status in &args.status {
        if let Some(value) = status.to_possible_value() {
            query = query.add("status", value.get_name());
        }
    }
    if let Some(name) = &args.name {
        query = query.add("name", name);
    }
    if let Some(named) = &args.why {
        query = query.add("why", named);
    }
    let answer = client.get("/v1/members", query).await?;
    if json {
        return output::json(&answer);
    }
    let members = answer["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    if args.why.is_some() {
        let rows: Vec<Vec<String>> = members.iter().map(why::row).collect();
        return output::table(&["NAME", "STATUS", "WHY"], &[], &rows);
    }
    let rows: Vec<Vec<String>> = members.iter().map(row).collect();
    output::table(&["NAME", "STATUS", "ADDR", "GENERATION", "ZONE", "TAGS"], &[], &rows)
}

pub(super) async fn info(client: &Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/v1/info", Query::new()).await?;
    if json {
        return output::json(&answer);
    }
    let mut lines = Vec::new();
    flatten("", &answer, &mut lines);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.iter().try_for_each(|(name, value)| output::line(&format!("{name:width$}  {}", printable(value))))
}

pub(super) async fn join(client: &Client, args: &JoinArgs, json: bool) -> Result<(), Failure> {
    let answer = client.post("/v1/join", &json!({ "contacts": args.contacts })).await?;
    if json {
        return output::json(&answer);
    }
    output::line(&format!("joined through {}: {} live members", text(&answer["contact"]), answer["members"]))
}

pub(super) async fn leave(client: &Client, json: bool) -> Result<(), Failure> {
    let answer = client.post("/v1/leave", &Value::Null).await?;
    if json { output::json(&answer) } else { output::line("left the cluster; the agent stops") }
}

pub(super) async fn force_leave(client: &Client, args: &ForceLeaveArgs, json: bool) -> Result<(), Failure> {
    let answer = client.post("/v1/force-leave", &json!({ "member": args.member })).await?;
    if json {
        output::json(&answer)
    } else {
        output::line(&format!("{} is marked as left", printable(&text(&answer["name"]))))
    }
}

fn row(member: &Value) -> Vec<String> {
    let tags = member["tags"]
        .as_object()
        .map(|tags| tags.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(" "));
    let mut row: Vec<String> =
        ["name", "status", "addr", "generation", "zone"].iter().map(|field| text(&member[*field])).collect();
    row.push(tags.unwrap_or_default());
    row
}

/// Text without its quotes, anything else as JSON writes it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToString::to_string)
}

fn flatten(prefix: &str, value: &Value, to: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, to);
            }
        }
        Value::Null => {}
        other => to.push((prefix.to_string(), text(other))),
    }
}
