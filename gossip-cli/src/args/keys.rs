use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::duration;

const SET_EXAMPLES: &str = "\
Examples:
  gossip set greeting hello
  gossip set --own port 8080          this member's own key: others see it as @NAME/port
  gossip set config - < config.json   the value is read from standard input
  gossip set leader web-1 --wait majority --timeout 2s
  gossip set banner 'back at five' --if-absent --expires 30m
  gossip set config v2 --if-version 0011aabb.115593420800000123.42
  gossip set highest 97 --type max    kept if it is more than what is there
  gossip set users/anna 'Anna B.' --field name

A value takes the place of all that the key holds, of whatever type, as far as this agent has seen
it; values written at the same time stay beside each other (`gossip siblings`). With --type or
--field it changes what is there: numbers of type max and min stay the highest and the lowest, a
sketch records the number for its quantiles, a flag is true or false (on wins over off at the same
time; for a strict-flag, which is on unless it was turned off, off wins).

With --if-absent and --if-version the key must be as this agent sees it: else nothing is written
and the exit code is 7. Two agents may see different things at the same time. A key written with
--expires is gone everywhere after that time, unless it is written again.

With --wait the command ends when as many other members have the write, and says who has it and
who has not. Only members count that were alive when it was asked; this one has the write in any
case, with --data-dir on its disk. After --timeout it ends with exit code 4: the write stays and
goes on spreading.";
const INCR_EXAMPLES: &str = "\
Examples:
  gossip incr visits
  gossip incr stock/apples -3
  gossip incr users/anna --field logins

What members count at the same time adds up. It prints where the counter stands at this agent.";
const ELEMENTS_EXAMPLES: &str = "\
Examples:
  gossip add tags/web-1 blue canary
  gossip remove tags/web-1 blue
  gossip add revoked key-7 --type strict-set

An element that is added and removed at the same time is in a set, and not in a strict set. A key
has one type: another one is refused with exit code 1.";
const SIBLINGS_EXAMPLES: &str = "\
Examples:
  gossip siblings config
  gossip siblings config --json | jq -r '.siblings[].version'

Of each value the version and what it is; usually there is one. Members write values at the same
time if none of them has heard of the other's; `gossip get` shows the latest by their clocks.";
const RESOLVE_EXAMPLES: &str = "\
Examples:
  gossip resolve config 'both of them'
  gossip resolve config --pick 0011aabb.115593420800000123.42

With --pick the value of that version stays: if it is none of the key's any more, nothing is
written and the exit code is 7.";
const GET_EXAMPLES: &str = "\
Examples:
  gossip get greeting
  gossip get @web-1/port              the key `port` of the member web-1
  gossip get --own port
  gossip get visits --json            its type, versions, siblings and how long it lives still

A set is printed as one element a line, a map as JSON. With --json `siblings` are the values
written at the same time, if there are several, and `expires_ms` is what is left of the time.";
const DELETE_EXAMPLES: &str = "\
Examples:
  gossip delete greeting
  gossip delete --own port
  gossip delete users/anna --field mail
  gossip delete greeting --if-version 0011aabb.115593420800000123.42
  gossip delete greeting --wait all   until every live member has it deleted; see `gossip set --help`";
const LIST_EXAMPLES: &str = "\
Examples:
  gossip list                         every key
  gossip list services/
  gossip list @                       the own keys of all members
  gossip list @web-1/ --json
  gossip list services/ --watch       what there is, then what changes; see `gossip watch --help`";
const IMPORT_EXAMPLES: &str = "\
Examples:
  gossip import services.json                 an object: each field becomes a key
  gossip import catalogue.json --key name     an array: each element is stored under its field `name`
  gossip import --sample                      the catalogue that is built in

Text is stored as it is, anything else as compact JSON, so that `gossip export` gives back what
was imported. The file is read and checked as a whole: if any of it is wrong, nothing is imported.
Counters, sets and so on stand as export writes them, {\"$gossip\": {\"type\": \"counter\", \"value\":
5}}, and take the place of what the key holds.";
const EXPORT_EXAMPLES: &str = "\
Examples:
  gossip export > backup.json
  gossip export --prefix services/
  gossip export --all                 own keys too, as @NAME/KEY

Values that are JSON stand as such, others as strings; counters, sets and so on as {\"$gossip\":
{\"type\", \"value\"}}, which import takes back. Sketches are left out, and counted on standard error.
Of values written at the same time it is the one that `gossip get` shows.";
const DIFF_EXAMPLES: &str = "\
Examples:
  gossip diff web-2
  gossip diff web-2 --limit 0         only how many differ, and the cost
  gossip diff web-2 --json | jq -r '.keys[].key'

Each key that differed with its last writes here and there; deleted keys are not compared. The two
compare as they do by themselves whenever something was missed, and as always what the other lacks is
sent to it, and what is missing here is taken over: what is shown differed when it was found. The cost
is that of the sections in bytes, first of finding the difference, then of the entries that followed.

The exit code is 0 if both hold the same, 8 if not, and 1 if the member is not known or did not answer.";
const WATCH_EXAMPLES: &str = "\
Examples:
  gossip watch services/
  gossip watch --json | jq 'select(.deleted)'
  gossip watch services/ --from 6e87284d-1763700000000-42

Each line begins with the revision of the agent at that change; --from goes on after it. A revision counts the changes
that this agent saw since it started: it means nothing to another agent, or after a restart. A reader who is slower than
the changes, or goes on with --from, gets each key once that changed meanwhile, as it is now. Changes that were missed,
because too many keys changed (agent.watch_history), are counted in a line of their own: then the list has to be read
again. With --json the first line is {\"event\":\"start\"}, with the revision from which on changes are told.";

#[derive(Args, Debug)]
#[command(after_help = SET_EXAMPLES)]
pub(crate) struct SetArgs {
    /// A shared key, which any member may write; it may not start with @
    pub(crate) key: String,
    /// The value; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Change a value of this type, rather than setting a text
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<SetType>,
    /// Write a field of a map. Repeatable: a field of the map in that field
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Vec<String>,
    /// Only if the key is not there
    #[arg(long, conflicts_with = "if_version")]
    pub(crate) if_absent: bool,
    /// Only if this was the key's last write
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// What can be set besides texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetType {
    Flag,
    StrictFlag,
    Max,
    Min,
    Sketch,
}

/// How a key is written.
#[derive(Args, Debug)]
pub(crate) struct HowArgs {
    /// Write a key of this member's own, which nobody else can change
    #[arg(long)]
    pub(crate) own: bool,
    /// After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// Who else has to have a write before the command ends.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    /// Wait until so many other members have the write: N, all, or majority, this one included
    #[arg(long, value_name = "N|all|majority", value_parser = quorum)]
    pub(crate) wait: Option<String>,
    /// How long to wait, at most 60s, such as 500ms or 5s. Default: 10s
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}

fn quorum(text: &str) -> Result<String, String> {
    let right = matches!(text, "all" | "majority") || text.parse::<u32>().is_ok_and(|count| count > 0);
    if right { Ok(text.to_string()) } else { Err("write a number from 1, `all` or `majority`".into()) }
}

#[derive(Args, Debug)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetArgs {
    /// A shared key, or @NAME/KEY for a member's own
    pub(crate) key: String,
    /// Read a key of this member's own
    #[arg(long)]
    pub(crate) own: bool,
}

#[derive(Args, Debug)]
#[command(after_help = DELETE_EXAMPLES)]
pub(crate) struct DeleteArgs {
    /// A shared key
    pub(crate) key: String,
    /// Delete only a field of the map that it holds. Repeatable: a field of the map in that field
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Vec<String>,
    /// Only if this was the key's last write
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<String>,
    /// Delete a key of this member's own
    #[arg(long)]
    pub(crate) own: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Args, Debug)]
#[command(after_help = INCR_EXAMPLES)]
pub(crate) struct IncrArgs {
    /// A shared key
    pub(crate) key: String,
    /// By how much; below zero it counts down
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) by: i64,
    /// Count in a field of a map. Repeatable: a field of the map in that field
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

#[derive(Args, Debug)]
#[command(after_help = ELEMENTS_EXAMPLES)]
pub(crate) struct ElementsArgs {
    /// A shared key
    pub(crate) key: String,
    /// The elements
    #[arg(required = true, value_name = "ELEMENT")]
    pub(crate) elements: Vec<String>,
    /// Which kind of set it is
    #[arg(long = "type", value_name = "TYPE", default_value = "set", value_parser = ["set", "strict-set"])]
    pub(crate) kind: String,
    /// The set is in a field of a map. Repeatable: a field of the map in that field
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

#[derive(Args, Debug)]
#[command(after_help = SIBLINGS_EXAMPLES)]
pub(crate) struct SiblingsArgs {
    /// A shared key, or @NAME/KEY for a member's own
    pub(crate) key: String,
    /// Read a key of this member's own
    #[arg(long)]
    pub(crate) own: bool,
}

#[derive(Args, Debug)]
#[command(after_help = RESOLVE_EXAMPLES)]
pub(crate) struct ResolveArgs {
    /// A shared key
    pub(crate) key: String,
    /// The value; `-` reads it from standard input
    #[arg(allow_hyphen_values = true, required_unless_present = "pick", conflicts_with = "pick")]
    pub(crate) value: Option<String>,
    /// The value that this version wrote, one of those that `gossip siblings` shows
    #[arg(long, value_name = "VERSION")]
    pub(crate) pick: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

#[derive(Args, Debug)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only keys that start with this; @NAME/ for a member's own
    #[arg(default_value = "")]
    pub(crate) prefix: String,
    /// Only keys of this member's own
    #[arg(long)]
    pub(crate) own: bool,
    /// Go on with what changes from then on, without a gap or a repetition in between
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
#[command(after_help = WATCH_EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Only keys that start with this; @NAME/ for a member's own
    #[arg(default_value = "")]
    pub(crate) prefix: String,
    /// Only keys of this member's own
    #[arg(long)]
    pub(crate) own: bool,
    /// Begin with what changed after this revision of the agent, as far as it is known. Default: from now on
    #[arg(long, value_name = "REVISION")]
    pub(crate) from: Option<String>,
    /// Stop after so many changes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Args, Debug)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    /// A JSON file that holds an object or an array of objects; `-` reads standard input
    #[arg(required_unless_present = "sample", conflicts_with = "sample")]
    pub(crate) file: Option<PathBuf>,
    /// For an array: the field whose text is the key
    #[arg(long, value_name = "FIELD", conflicts_with = "sample")]
    pub(crate) key: Option<String>,
    /// Import the sample catalogue that is built in
    #[arg(long)]
    pub(crate) sample: bool,
    /// Write them as keys of this member's own
    #[arg(long)]
    pub(crate) own: bool,
}

#[derive(Args, Debug)]
#[command(after_help = DIFF_EXAMPLES)]
pub(crate) struct DiffArgs {
    /// The member to compare with, by name or by id
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
    /// Show so many keys at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// How long to wait for the member, 100ms to 60s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

#[derive(Args, Debug)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Only keys that start with this
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
    /// Own keys of all members too
    #[arg(long)]
    pub(crate) all: bool,
}
