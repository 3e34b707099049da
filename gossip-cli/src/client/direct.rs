//! `send`, `inbox` and `query`.

use serde_json::{Value, json};

use super::http::{Client, Query};
use super::members::text;
use super::{argument_or_stdin, file_or_stdin, put_bytes};
use crate::args::{InboxArgs, QueryArgs, SendArgs};
use crate::exit::Failure;
use crate::output::{self, printable};

pub(super) async fn send(client: &Client, args: &SendArgs, json: bool) -> Result<(), Failure> {
    let mut body = json!({ "to": args.node });
    put_bytes(&mut body, "data", file_or_stdin(&args.file)?);
    let answer = client.post("/v1/send", &body).await?;
    if json { output::json(&answer) } else { output::line(&format!("delivered to {}", text(&answer["to"]))) }
}

pub(super) async fn inbox(client: &Client, args: &InboxArgs, json: bool) -> Result<(), Failure> {
    let mut query = Query::new();
    if let Some(count) = args.count {
        query = query.add("count", &count.to_string());
    }
    let mut source = client.lines("/v1/inbox", query).await?;
    let mut left = args.count;
    while left != Some(0) {
        let message = source.next().await?.ok_or_else(|| Failure::failed("the agent has stopped"))?;
        let start = message["event"] == "start";
        if json {
            output::json(&message)?;
        } else if !start {
            output::line(&said(&message))?;
        }
        if !start {
            left = left.map(|left| left - 1);
        }
    }
    Ok(())
}

pub(super) async fn query(client: &Client, args: &QueryArgs, json: bool) -> Result<(), Failure> {
    let body = json!({
        "name": args.name,
        "data": argument_or_stdin(&args.data)?,
        "tags": args.tag,
        "timeout_ms": u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX),
    });
    let mut source = client.post_lines("/v1/query", &body).await?;
    loop {
        let line = source.next().await?.ok_or_else(|| Failure::failed("the agent has stopped"))?;
        if json {
            output::json(&line)?;
        }
        match line["event"].as_str() {
            Some("end") => return ended(&line, json),
            Some("answer") if !json => match line["error"].as_str() {
                Some(error) => output::warn(&format!("{}: {}", printable(&text(&line["from"])), printable(error))),
                None => output::line(&said(&line))?,
            },
            _ => {}
        }
    }
}

/// The counts; without an answer they are why the command fails.
fn ended(end: &Value, json: bool) -> Result<(), Failure> {
    let count = |name: &str| end[name].as_u64().unwrap_or_default();
    let counts = ["asked", "acknowledged", "answered"].map(|name| format!("{name} {}", count(name))).join(", ");
    if count("answered") == 0 {
        let hint = match (count("no_handler"), count("failed")) {
            (0, 0) => "--timeout waits longer",
            (_, 0) => "--on-query NAME=CMD makes an agent answer",
            _ => "the agents' logs say why handlers fail",
        };
        return Err(Failure::failed(format!("no answer: {counts}")).hint(hint));
    }
    if !json {
        output::note(&counts);
    }
    Ok(())
}

/// Who said what, a line each.
fn said(message: &Value) -> String {
    let data = if message["data"].is_null() { &message["data_hex"] } else { &message["data"] };
    let (from, data) = (printable(&text(&message["from"])), text(data));
    let lines: Vec<String> = data.lines().map(|line| format!("{from}: {}", printable(line))).collect();
    if lines.is_empty() { format!("{from}:") } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_who_said_it_and_steers_no_terminal() {
        assert_eq!(said(&json!({ "from": "a", "data": "x\n\u{1b}y\n" })), "a: x\na: \\u{1b}y");
        assert_eq!(said(&json!({ "from": "a", "data": "" })), "a:");
        assert_eq!(said(&json!({ "from": "a", "data_hex": "ff" })), "a: ff");
    }

    #[test]
    fn a_query_without_an_answer_fails_with_its_counts() {
        let end = json!({ "asked": 3, "acknowledged": 1, "answered": 0, "failed": 0, "no_handler": 1 });
        let failure = ended(&end, true).unwrap_err();
        assert_eq!(failure.message, "no answer: asked 3, acknowledged 1, answered 0");
        assert!(failure.hint.unwrap().contains("--on-query"));
    }
}
