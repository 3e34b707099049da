//! `watch` and `list --watch`: changes of keys, until the reader has enough.

use serde_json::Value;

use super::http::{Client, Lines, Query};
use super::keys::listed;
use super::members::text;
use super::stream::{described, next};
use crate::args::{ListArgs, WatchArgs};
use crate::exit::Failure;
use crate::output;

pub(super) async fn watch(client: &Client, args: &WatchArgs, json: bool) -> Result<(), Failure> {
    let mut query = Query::new().add("prefix", &args.prefix).flag("own", args.own);
    if let Some(from) = &args.from {
        query = query.add("from", from);
    }
    follow(client.lines("/v1/watch", query).await?, args.count, json).await
}

pub(super) async fn list(client: &Client, args: &ListArgs, json: bool) -> Result<(), Failure> {
    let query = Query::new().add("prefix", &args.prefix).flag("own", args.own).flag("list", true);
    follow(client.lines("/v1/watch", query).await?, None, json).await
}

/// Prints lines; those that stand before all changes are not counted.
async fn follow(mut source: Lines, count: Option<u64>, json: bool) -> Result<(), Failure> {
    let mut left = count;
    while left != Some(0) {
        let line = next(&mut source).await?;
        let is_change = !line["revision"].is_null() && line["event"] == "key";
        if json {
            output::json(&line)?;
        } else if let Some(text) = words(&line) {
            output::line(&text)?;
        }
        if is_change {
            left = left.map(|left| left - 1);
        }
    }
    Ok(())
}

/// A change begins with its revision; what a list holds has none.
fn words(line: &Value) -> Option<String> {
    match line["event"].as_str() {
        Some("start" | "listed") => None,
        Some("key") if line["revision"].is_null() => Some(listed(line)),
        _ => {
            let described = described(line);
            let described = described.strip_prefix("key ").unwrap_or(&described);
            Some(format!("{}  {described}", output::printable(&text(&line["revision"]))))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_begins_with_its_revision_and_a_listed_key_does_not() {
        let change = json!({ "event": "key", "key": "k", "value": "v", "deleted": false, "revision": "r-1" });
        assert_eq!(words(&change).unwrap(), "r-1  k = v");
        let deletion = json!({ "event": "key", "key": "key k", "deleted": true, "revision": "r-2" });
        assert_eq!(words(&deletion).unwrap(), "r-2  key k deleted");
        assert_eq!(words(&json!({ "event": "key", "key": "k", "value": "v", "deleted": false })).unwrap(), "k\tv");
        assert_eq!(
            words(&json!({ "event": "lagged", "missed": 7, "revision": "r-9" })).unwrap(),
            "r-9  7 changes were missed"
        );
        assert_eq!(words(&json!({ "event": "start", "revision": "r-0" })), None);
    }
}
