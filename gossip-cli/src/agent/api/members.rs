//! Who is in the cluster, joining it and leaving it.

use std::net::SocketAddr;

use gossip_core::{CommandError, Member, Status};
use gossip_handle::JoinFailure;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::error::ApiError;
use super::names::member_named;
use super::request::{Body, Query};
use super::{Answer, State, why};
use crate::agent::address;
use crate::profile::{Profile, parse_tag};

/// What to show; everything that is given must match.
struct Filter {
    statuses: Vec<Status>,
    name: Option<String>,
    tags: Vec<(String, String)>,
    /// Why they are held to be that is said, too; of the one that is named, if its name is not empty.
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    contacts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceLeave {
    member: String,
}

pub(super) fn list(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let filter = Filter::new(query)?;
    let mut members: Vec<(Profile, Value)> = state.handle.with(|node, _| {
        let rows = node.members();
        let rows = rows.iter().map(|member| (Profile::decode(member.id, member.metadata), member));
        let chosen = rows.filter(|(profile, member)| filter.matches(profile, member.status));
        chosen
            .map(|(profile, member)| (row(&profile, &member, member.id == state.me), profile))
            .map(|(v, p)| (p, v))
            .collect()
    });
    members.sort_by(|(a, row_a), (b, row_b)| (&a.name, row_a["id"].as_str()).cmp(&(&b.name, row_b["id"].as_str())));
    let mut members: Vec<Value> = members.into_iter().map(|(_, row)| row).collect();
    if let Some(named) = &filter.why {
        why::explain(state, named, &mut members)?;
    }
    Ok(json!({ "members": members }).into())
}

/// Joins through every contact at once; one that answers is enough.
pub(super) async fn join(state: &State, body: Body) -> Result<Answer, ApiError> {
    let Join { contacts } = body.json().await?;
    if contacts.is_empty() {
        return Err(ApiError::input("no contact to join through"));
    }
    let mut resolved = Vec::new();
    for contact in &contacts {
        let addr = address::resolve(contact, state.bound).await?;
        if addr == state.advertised() || addr == state.bound {
            return Err(ApiError::input(format!("{contact} is this agent itself")).hint("name another member"));
        }
        resolved.push(addr);
    }
    let mut joins = JoinSet::new();
    for contact in resolved {
        let handle = state.handle.clone();
        joins.spawn(async move { (contact, handle.join(contact).await) });
    }
    let mut refusal = None;
    while let Some(ended) = joins.join_next().await {
        match ended {
            Ok((contact, Ok(live))) => {
                return Ok(json!({ "joined": true, "contact": contact.to_string(), "members": live }).into());
            }
            Ok((_, Err(failure))) => refusal = Some(failure),
            Err(error) => return Err(ApiError::failed(format!("joining failed: {error}"))),
        }
    }
    Err(refused(refusal.unwrap_or(JoinFailure::Closed), &contacts))
}

fn refused(failure: JoinFailure, contacts: &[String]) -> ApiError {
    match failure {
        JoinFailure::NoAnswer => ApiError::failed(format!("no answer from {}", contacts.join(", "))).hint(
            "is an agent of the same --cluster label there, and does a firewall let UDP through? Joining is tried again \
             in the background",
        ),
        other => ApiError::failed(other),
    }
}

/// Asks the agent to leave and stop, and answers when it has left.
pub(super) async fn leave(state: &State) -> Result<Answer, ApiError> {
    state.leave.notify_one();
    state.handle.leave().await;
    Ok(json!({ "left": true }).into())
}

/// Marks a member that is down as left.
pub(super) async fn force_leave(state: &State, body: Body) -> Result<Answer, ApiError> {
    let ForceLeave { member } = body.json().await?;
    let (name, id) = member_named(state, &member)?;
    let refused = |error: CommandError| {
        let refusal = ApiError::failed(format!("{name}: {error}"));
        match error {
            CommandError::NotDown if id == state.me => refusal.hint("it is this agent: `gossip leave` makes it leave"),
            CommandError::NotDown => refusal.hint(
                "it would come back at once: `gossip leave` there makes it leave; one that has failed can be marked once it is \
                 held down",
            ),
            _ => refusal,
        }
    };
    state.handle.force_leave(id).map_err(refused)?;
    Ok(json!({ "name": name, "id": id.to_string(), "left": true }).into())
}

impl Filter {
    fn new(query: Option<&str>) -> Result<Self, ApiError> {
        let query = Query::parse(query, &["all", "name", "status", "tag", "why"])?;
        let why = query.one("why").map(ToString::to_string);
        let named = query.all("status").map(status_named).collect::<Result<Vec<_>, _>>()?;
        let statuses = match (named.is_empty(), query.flag("all")? || why.is_some()) {
            (false, _) => named,
            (true, true) => vec![Status::Alive, Status::Suspect, Status::Down, Status::Left],
            (true, false) => vec![Status::Alive, Status::Suspect],
        };
        let tags = query.all("tag").map(parse_tag).collect::<Result<_, _>>()?;
        Ok(Self { statuses, name: query.one("name").map(ToString::to_string), tags, why })
    }

    fn matches(&self, profile: &Profile, status: Status) -> bool {
        self.statuses.contains(&status)
            && self.name.as_deref().is_none_or(|pattern| matches(pattern, &profile.name))
            && self.tags.iter().all(|(key, value)| profile.tags.get(key) == Some(value))
    }
}

fn row(profile: &Profile, member: &Member<'_, SocketAddr>, local: bool) -> Value {
    json!({
        "name": profile.name,
        "id": member.id.to_string(),
        "addr": member.addr.to_string(),
        "generation": member.generation,
        "incarnation": member.incarnation,
        "status": status_name(member.status),
        "tags": profile.tags,
        "zone": String::from_utf8_lossy(member.zone),
        "local": local,
    })
}

/// The word for a status, here and in the counts of `info`.
pub(super) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Alive => "alive",
        Status::Suspect => "suspect",
        Status::Down => "down",
        Status::Left => "left",
    }
}

fn status_named(name: &str) -> Result<Status, ApiError> {
    let all = [Status::Alive, Status::Suspect, Status::Down, Status::Left];
    all.into_iter().find(|status| status_name(*status) == name).ok_or_else(|| {
        ApiError::input(format!("unknown status `{name}`")).hint("a status is alive, suspect, down or left")
    })
}

/// Whether the name fits the pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.into_iter().any(|at| matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("web-1", "web-1", true),
            ("web-1", "web-10", false),
            ("web-*", "web-", true),
            ("*-1", "web-1", true),
            ("w*b*1", "web-1", true),
            ("*", "ä", true),
            ("a*c", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn without_a_status_the_filter_shows_live_members() {
        let profile = Profile::new("a", [("role".to_string(), "web".to_string())].into()).unwrap();
        let shown = |query, status| Filter::new(Some(query)).ok().unwrap().matches(&profile, status);
        assert!(shown("", Status::Suspect) && !shown("", Status::Down));
        assert!(shown("all=true", Status::Left));
        assert!(shown("status=down", Status::Down) && !shown("status=down", Status::Alive));
        assert!(shown("tag=role%3Dweb", Status::Alive) && !shown("tag=role%3Ddb", Status::Alive));
        assert!(Filter::new(Some("status=dead")).is_err());
    }
}
