//! `members`, `info`, `join`, `leave` and `force-leave`.

use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::{Value, json};

use super::http::{Client, Query};
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
        let rows: Vec<Vec<String>> = members.iter().map(reason).collect();
        return output::table(&["NAME", "STATUS", "WHY"], &[], &rows);
    }
    let rows: Vec<Vec<String>> = members.iter().map(row).collect();
    output::table(&["NAME", "STATUS", "ADDR", "GENERATION", "TAGS"], &[], &rows)
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
        ["name", "status", "addr", "generation"].iter().map(|field| text(&member[*field])).collect();
    row.push(tags.unwrap_or_default());
    row
}

/// A row that says why.
fn reason(member: &Value) -> Vec<String> {
    vec![text(&member["name"]), text(&member["status"]), why(member)]
}

/// Why a member is held to be what it is, as a sentence.
fn why(member: &Value) -> String {
    let why = &member["why"];
    let ago = |field: &str| why[field].as_u64().map(|ms| format!("{} ago", age(Duration::from_millis(ms))));
    let names = |people: &Value| {
        let people = people.as_array().map(Vec::as_slice).unwrap_or_default();
        people.iter().map(|person| text(&person["name"])).collect::<Vec<_>>().join(", ")
    };
    let verdict = why["verdict"].as_object().map(|verdict| {
        let mut said = format!("held down {}, by {}", ago("down_ms").unwrap_or_default(), text(&verdict["by"]["name"]));
        if !verdict["accused"].is_null() {
            said += &format!("; accused by {}", text(&verdict["accused"]["name"]));
        }
        let confirmed = names(&verdict["confirmed"]);
        if confirmed.is_empty() { said } else { said + &format!("; no answer to {confirmed}") }
    });
    let heard = || {
        let pinged = ago("pinged_ms").map_or("no ping from it".into(), |ago| format!("its last ping {ago}"));
        let answers = why["round_trip_us"].as_u64().map(|us| age(Duration::from_micros(us)));
        answers.map_or(pinged.clone(), |time| format!("{pinged}; it answers within {time}"))
    };
    match (member["status"].as_str(), verdict) {
        _ if member["local"] == true => "this agent".into(),
        (Some("left"), Some(verdict)) => format!("marked as left; before, {verdict}"),
        (Some("left"), None) => "it said that it left".into(),
        (Some("suspect"), _) => format!("it does not answer this agent, which asks others; {}", heard()),
        (_, Some(verdict)) => verdict,
        (_, None) => heard(),
    }
}

/// A time as people say it, two digits or more: 840 µs, 12 ms, 3.4 s, 5 min, 2 h 10 min, 3 d.
pub(super) fn age(time: Duration) -> String {
    let (seconds, minutes, hours) = (time.as_secs_f64(), time.as_secs() / 60, time.as_secs() / 3600);
    match () {
        () if time.as_millis() < 1 => format!("{} µs", time.as_micros()),
        () if seconds < 1.0 => format!("{} ms", time.as_millis()),
        () if seconds < 10.0 => format!("{seconds:.1} s"),
        () if minutes < 2 => format!("{} s", time.as_secs()),
        () if hours < 2 => format!("{minutes} min"),
        () if hours < 48 => format!("{hours} h {} min", minutes % 60),
        () => format!("{} d", hours / 24),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_people_say_it() {
        let said = [
            (Duration::from_micros(840), "840 µs"),
            (Duration::from_millis(12), "12 ms"),
            (Duration::from_millis(3_449), "3.4 s"),
            (Duration::from_secs(90), "90 s"),
            (Duration::from_secs(300), "5 min"),
            (Duration::from_secs(7_800), "2 h 10 min"),
            (Duration::from_secs(300_000), "3 d"),
        ];
        said.iter().for_each(|(time, text)| assert_eq!(age(*time), *text));
    }

    #[test]
    fn the_reason_names_who_decided_who_accused_and_who_got_no_answer() {
        let person = |name: &str| json!({ "name": name, "id": "0" });
        let verdict = json!({ "by": person("b"), "accused": person("c"), "confirmed": [person("b"), person("c")] });
        let mut member = json!({ "status": "down", "local": false, "why": { "verdict": verdict, "down_ms": 12_000 } });
        assert_eq!(why(&member), "held down 12 s ago, by b; accused by c; no answer to b, c");
        member["status"] = "left".into();
        assert!(why(&member).starts_with("marked as left; before, held down 12 s ago"));
        member["why"] = json!({ "verdict": null, "pinged_ms": 900, "round_trip_us": 250 });
        assert_eq!(why(&member), "it said that it left");
        member["status"] = "alive".into();
        assert_eq!(why(&member), "its last ping 900 ms ago; it answers within 250 µs");
    }
}
