//! `reachability`.

use serde_json::{Value, json};

use super::http::Client;
use super::members::text;
use crate::args::ReachabilityArgs;
use crate::exit::Failure;
use crate::output;

pub(super) async fn ask(client: &Client, args: &ReachabilityArgs, json: bool) -> Result<(), Failure> {
    let timeout = u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX);
    let answer = client.post("/v1/reachability", &json!({ "timeout_ms": timeout })).await?;
    if json {
        output::json(&answer)?;
    }
    let problems = problems(&answer);
    if !json && !problems.is_empty() {
        output::table(&["FROM", "TO", "PROBLEM"], &[], &problems)?;
    }
    let counts = counts(&answer);
    if answer["reachable"] == true {
        return if json { Ok(()) } else { output::line(&format!("everybody is reachable: {counts}")) };
    }
    let some = |field: &str| answer[field].as_array().is_some_and(|list| !list.is_empty());
    let hint = if some("down") {
        "`gossip members --why` says why members are down; `gossip force-leave` marks one that will not come back as left"
    } else if some("broken") {
        "look for a firewall or a route that lets one direction through alone, between the members named"
    } else {
        "a member that just failed is held down soon: `gossip members --why` then says by whom"
    };
    Err(Failure::failed(format!("not everybody is reachable: {counts}")).hint(hint))
}

fn counts(answer: &Value) -> String {
    let each = if answer["sampled"] == true { "; each tried 64 others, drawn at random" } else { "" };
    format!("asked {}, answered {}, working links {}{each}", answer["asked"], answer["answered"], answer["working"])
}

/// A row for each link or member that something is wrong with.
fn problems(answer: &Value) -> Vec<Vec<String>> {
    let list = |field: &str| answer[field].as_array().cloned().unwrap_or_default();
    let row = |from: &Value, to: &Value, problem: &str| vec![text(from), text(to), problem.to_string()];
    let mut rows = Vec::new();
    for link in list("broken") {
        let problem = match link["back"].as_bool() {
            Some(true) => "one-way: nothing gets through in this direction, the other works",
            Some(false) => "nothing gets through in either direction",
            None => "nothing gets through in this direction, the other was not tried",
        };
        rows.push(row(&link["from"], &link["to"], problem));
    }
    for held in list("contested") {
        rows.push(row(&held["by"], &held["member"], "held down there, though it answers"));
    }
    let everybody = Value::from("*");
    for (field, problem) in [
        ("unheard", "unreachable: nobody hears it"),
        ("down", "unreachable: it is held down"),
        ("silent", "gave no answer, though it is heard"),
    ] {
        rows.extend(list(field).iter().map(|name| row(name, &everybody, problem)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_row_that_says_what_it_is() {
        let answer = json!({
            "broken": [{ "from": "a", "to": "b", "back": true }, { "from": "a", "to": "c", "back": null }],
            "contested": [{ "by": "a", "member": "d" }],
            "unheard": ["e"], "down": ["f"], "silent": ["g"],
        });
        let rows: Vec<String> = problems(&answer).iter().map(|row| row.join(" ")).collect();
        let starts =
            ["a b one-way", "a c nothing", "a d held down", "e * unreachable", "f * unreachable", "g * gave no"];
        assert_eq!(rows.len(), starts.len());
        rows.iter().zip(starts).for_each(|(row, start)| assert!(row.starts_with(start), "{row}"));
        assert_eq!(problems(&json!({})), Vec::<Vec<String>>::new());
    }
}
