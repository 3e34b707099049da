//! `rtt`.

use super::http::{Client, Query};
use super::members::text;
use crate::args::RttArgs;
use crate::exit::Failure;
use crate::output;

pub(super) async fn show(client: &Client, args: &RttArgs, json: bool) -> Result<(), Failure> {
    let query = match (&args.a, &args.b) {
        (Some(from), Some(to)) => Query::new().add("from", from).add("to", to),
        (Some(to), None) => Query::new().add("to", to),
        _ => Query::new(),
    };
    let answer = client.get("/v1/rtt", query).await?;
    if json {
        return output::json(&answer);
    }
    let members = answer["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let from = text(&answer["from"]);
    let rows: Vec<Vec<String>> = members
        .iter()
        .map(|row| {
            let rtt = row["rtt_ms"].as_f64().map_or_else(|| "not known yet".into(), |ms| format!("{ms:.3} ms"));
            vec![from.clone(), text(&row["name"]), rtt]
        })
        .collect();
    output::table(&["FROM", "TO", "RTT"], &["RTT"], &rows)
}
