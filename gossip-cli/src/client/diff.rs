//! `diff`.

use serde_json::{Value, json};

use super::http::Client;
use super::members::text;
use crate::args::DiffArgs;
use crate::exit::Failure;
use crate::output;

pub(super) async fn show(client: &Client, args: &DiffArgs, json: bool) -> Result<(), Failure> {
    let timeout = u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX);
    let body = json!({ "member": args.peer, "limit": args.limit, "timeout_ms": timeout });
    let answer = client.post("/v1/diff", &body).await?;
    let rows = rows(&answer);
    if json {
        output::json(&answer)?;
    } else if !rows.is_empty() {
        output::table(&["KEY", "HERE", "THERE"], &[], &rows)?;
    }
    let peer = output::printable(&text(&answer["member"]));
    if answer["equal"] == true {
        return if json { Ok(()) } else { output::line(&format!("the same as {peer}: {}", cost(&answer))) };
    }
    if !json {
        output::line(&cost(&answer))?;
    }
    let count = |field: &str| answer[field].as_u64().unwrap_or_default();
    let [here, there, different] = ["only_here", "only_there", "different"].map(count);
    let least = if answer["complete"] == true { "" } else { "at least " };
    Err(Failure::differs(format!(
        "{least}{} keys differ from {peer}: {here} only here, {there} only there, {different} in their last writes",
        here + there + different
    ))
    .hint("what was missing has been exchanged: ask again, and only what differs still is shown"))
}

/// A row for each key that differs.
fn rows(answer: &Value) -> Vec<Vec<String>> {
    let keys = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let side = |versions: &Value| match versions.as_array().map(Vec::as_slice) {
        None | Some([]) => "-".to_string(),
        Some(versions) => versions.iter().map(text).collect::<Vec<_>>().join(" "),
    };
    keys.iter().map(|key| vec![text(&key["key"]), side(&key["here"]), side(&key["there"])]).collect()
}

/// How it was found, and what that took.
fn cost(answer: &Value) -> String {
    let of = |part: &str| {
        let count = |field: &str| text(&answer[part][field]);
        format!(
            "{} bytes in {} packets sent, {} in {} received",
            count("bytes_sent"),
            count("packets_sent"),
            count("bytes_received"),
            count("packets_received")
        )
    };
    let found = format!("found by {} in {} ms: {}", text(&answer["way"]), text(&answer["time_ms"]), of("comparison"));
    let exchanged = ["packets_sent", "packets_received"].iter().any(|field| answer["exchange"][field] != 0);
    if exchanged { format!("{found}; exchanged: {}", of("exchange")) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_side_have_a_dash_on_the_other() {
        let answer = json!({ "keys": [{ "key": "a", "here": ["1.2.3"], "there": [] },
            { "key": "b", "here": ["1.2.3", "1.2.4"], "there": ["5.6.7"] }] });
        assert_eq!(rows(&answer), [["a", "1.2.3", "-"], ["b", "1.2.3 1.2.4", "5.6.7"]]);
        assert!(rows(&json!({})).is_empty());
    }
}
