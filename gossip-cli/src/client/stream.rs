//! `subscribe` and `events`: what happens, until the reader has enough.

use serde_json::{Value, json};

use super::http::{Client, Lines, Query};
use super::members::text;
use super::typed::in_one_line;
use crate::args::{EventsArgs, SubscribeArgs};
use crate::event_kind::EventKind;
use crate::exit::Failure;
use crate::output::{self, printable};

/// So many hexadecimal digits are shown of what is no text.
const SHOWN: usize = 64;

pub(super) async fn events(client: &Client, args: &EventsArgs, json: bool) -> Result<(), Failure> {
    let query = args.only.iter().fold(Query::new(), |query, kind| query.add("kind", kind.name()));
    let mut source = client.lines("/v1/events", query).await?;
    let mut left = args.count;
    while left != Some(0) {
        let event = next(&mut source).await?;
        let start = event["event"] == "start";
        if json {
            output::json(&event)?;
        } else if !start {
            output::line(&described(&event))?;
        }
        if !start {
            left = left.map(|left| left - 1);
        }
    }
    Ok(())
}

pub(super) async fn subscribe(client: &Client, args: &SubscribeArgs, json: bool) -> Result<(), Failure> {
    let query = Query::new().add("kind", EventKind::Message.name()).add("kind", EventKind::Gap.name());
    let mut source = client.lines("/v1/events", query).await?;
    let mut left = args.count;
    while left != Some(0) {
        let event = next(&mut source).await?;
        match event["event"].as_str() {
            Some("message") if args.topic.as_deref().is_none_or(|topic| event["topic"] == topic) => {
                if json {
                    output::json(&event)?;
                } else {
                    output::line(&text_of_message(&event))?;
                }
                left = left.map(|left| left - 1);
            }
            Some("lagged" | "gap") if json => output::json(&event)?,
            Some("lagged" | "gap") => output::warn(&described(&event)),
            // A script must know when it can publish without being missed.
            Some("start") if json => output::json(&json!({ "event": "start" }))?,
            _ => {}
        }
    }
    Ok(())
}

pub(super) async fn next(source: &mut Lines) -> Result<Value, Failure> {
    source.next().await?.ok_or_else(|| Failure::failed("the agent has stopped"))
}

/// One event in words.
pub(super) fn described(event: &Value) -> String {
    let field = |name: &str| printable(&text(&event[name]));
    let keys = |name: &str| match event[name].as_array().filter(|keys| !keys.is_empty()) {
        Some(keys) => keys.iter().map(|key| printable(&text(key))).collect::<Vec<_>>().join(" "),
        None => "none".to_string(),
    };
    match event["event"].as_str().unwrap_or_default() {
        "member" => format!("member {} {} {}", field("change"), field("name"), field("addr")),
        "key" if event["deleted"] == true => format!("key {} deleted", field("key")),
        "key" if event["value"].is_null() => format!("key {} = {}", field("key"), field("value_hex")),
        "key" => format!("key {} = {}", field("key"), printable(&in_one_line(event))),
        "message" => format!("message {}", text_of_message(event)),
        "join" if !event["error"].is_null() => format!("join {}: {}", field("contact"), field("error")),
        "join" => format!("join {}: {} members", field("contact"), field("members")),
        "reload" if !event["error"].is_null() => format!("reload failed: {}", field("error")),
        "reload" => format!("reload: {} changed, {} need a restart", keys("changed"), keys("needs_restart")),
        "partition" => format!("partition: {} of {} members are reachable", field("reachable"), field("roster")),
        "healed" => format!("healed: {} of {} members are reachable", field("reachable"), field("roster")),
        "namesake" => {
            format!("namesake {}: {} keeps the id, {} stops", field("name"), field("addr"), field("loser_addr"))
        }
        "gap" => {
            format!(
                "messages {} to {} of {}, or some of them, are missing",
                field("first"),
                field("last"),
                field("from")
            )
        }
        "unacknowledged" => format!("unacknowledged {}: nobody is known to have the message", field("version")),
        "lagged" if !event["revision"].is_null() => format!("{} changes were missed", field("missed")),
        "lagged" => format!("{} events were missed", field("missed")),
        other => other.to_string(),
    }
}

fn text_of_message(event: &Value) -> String {
    let field = |name: &str| match event[format!("{name}_hex").as_str()].as_str() {
        Some(digits) if digits.len() > SHOWN => format!("{}... ({} bytes)", &digits[..SHOWN], digits.len() / 2),
        Some(digits) => digits.to_string(),
        None => printable(&text(&event[name])),
    };
    format!("{} {}: {}", field("from"), field("topic"), field("payload"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_words() {
        let member = json!({ "event": "member", "change": "down", "name": "a", "addr": "1.2.3.4:5" });
        assert_eq!(described(&member), "member down a 1.2.3.4:5");
        let split = json!({ "event": "partition", "reachable": 32, "roster": 64 });
        assert_eq!(described(&split), "partition: 32 of 64 members are reachable");
        let namesake = json!({ "event": "namesake", "name": "a", "addr": "1.2.3.4:5", "loser_addr": "1.2.3.4:6" });
        assert_eq!(described(&namesake), "namesake a: 1.2.3.4:5 keeps the id, 1.2.3.4:6 stops");
        let key = json!({ "event": "key", "key": "k", "deleted": false, "value": "v\n" });
        assert_eq!(described(&key), "key k = v\\n");
        let gap = json!({ "event": "gap", "from": "a", "generation": 1, "first": 2, "last": 21 });
        assert_eq!(described(&gap), "messages 2 to 21 of a, or some of them, are missing");
        let message = json!({ "event": "message", "from": "a", "topic": "t", "payload_hex": "ff" });
        assert_eq!(described(&message), "message a t: ff");
        let long = json!({ "event": "message", "from": "a", "topic": "t", "payload_hex": "ff".repeat(5000) });
        assert_eq!(described(&long), format!("message a t: {}... (5000 bytes)", "ff".repeat(32)));
    }
}
