use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::direct::{InboxArgs, QueryArgs, ReachabilityArgs, SendArgs};
use super::duration;
use crate::event_kind::EventKind;

const MEMBERS_EXAMPLES: &str = "\
Examples:
  gossip members
  gossip members --all                      those down and left too
  gossip members --tag role=web --status alive
  gossip members --name 'web-*' --json
  gossip members --why web-3                why it is held down: who accused it, who confirmed, when
  gossip members --why --status down        the same of all that are down

With --why members down and left are shown too. Who accused and who confirmed is known where it was asked or decided; other
agents know who decided. Of a live member it says when it last pinged this agent, if it does, and how soon it answers.";
const RTT_EXAMPLES: &str = "\
Examples:
  gossip rtt                          from this member to all others, the nearest first
  gossip rtt web-1
  gossip rtt web-1 db-1               between two others
  gossip rtt --json | jq -r '.members[0].name'

From this member it is measured by probes, as far as it was; anything else is estimated from the coordinates that members
give themselves by such measurements. They are learned in the first minutes.";
const INFO_EXAMPLES: &str = "Examples:\n  gossip info\n  gossip info --json";
const JOIN_EXAMPLES: &str =
    "Examples:\n  gossip join 10.0.0.5:7946\n  gossip join seed-1.example.net seed-2.example.net";
const LEAVE_EXAMPLES: &str = "Examples:\n  gossip leave";
const FORCE_LEAVE_EXAMPLES: &str = "\
Examples:
  gossip force-leave web-3
  gossip force-leave 0f3c7a52b8e94d1c6a7be0f2d4c59318

For members that went down and will not come back: they are shown as left, and nobody contacts them any more to see whether they
are back. Exit code 1 for a live member, which would come back at once. One that is alive after all returns when it contacts others.";
const SET_EXAMPLES: &str = "\
Examples:
  gossip set greeting hello
  gossip set --own port 8080          this member's own key: others see it as @NAME/port
  gossip set config - < config.json   the value is read from standard input
  gossip set leader web-1 --wait majority --timeout 2s

With --wait the command ends when as many other members have the write, and says who has it and who has not. Only members
count that were alive when it was asked; this one has the write in any case, with --data-dir on its disk. After --timeout
it ends with exit code 4: the write stays and goes on spreading.";
const GET_EXAMPLES: &str = "\
Examples:
  gossip get greeting
  gossip get @web-1/port              the key `port` of the member web-1
  gossip get --own port";
const DELETE_EXAMPLES: &str = "\
Examples:
  gossip delete greeting
  gossip delete --own port
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

Text is stored as it is, anything else as compact JSON, so that `gossip export` gives back what was imported. The file
is read and checked as a whole: if any of it is wrong, nothing is imported.";
const EXPORT_EXAMPLES: &str = "\
Examples:
  gossip export > backup.json
  gossip export --prefix services/
  gossip export --all                 own keys too, as @NAME/KEY

Values that are JSON stand as such, others as strings.";
const PUBLISH_EXAMPLES: &str = "\
Examples:
  gossip publish deploy 'v1.4.2 is out'
  gossip publish deploy - < note.txt  the payload is read from standard input
  gossip publish alarm fire --class urgent
  gossip publish load 0.7 --key web-1 --expires 10s
  gossip publish config --file new.json --wait-coverage 0.99 --timeout 5s

With --wait-coverage a sample of the members is asked, as large as it takes to show the share with
95 % confidence: all of up to 1024; of more than that no share above 0.996 can be shown. Of a payload
that goes in parts it is the announcement that counts. After --timeout it ends with exit code 4, and
the message goes on spreading. Where too much waits to be sent nothing is published and the exit code
is 6. An ordered message must fit one datagram, others may have 32 MiB as configured at first.";
const CANCEL_EXAMPLES: &str = "\
Examples:
  gossip cancel 6e87284d.1763700000000.5
  gossip cancel \"$(gossip publish deploy 'v1.4.2 is out')\"

Who has it keeps it; nobody else gets it any more. It prints the name of the message that says so.";
const SUBSCRIBE_EXAMPLES: &str = "\
Examples:
  gossip subscribe deploy
  gossip subscribe --count 1 --json   wait for the next message of any topic

Where messages were missed a line on standard error says so, with --json an object: `lagged` if this
reader was too slow, `gap` if messages of a member are not to be had any more.

Messages that were sent through this agent are shown too. With --json the first line is {\"event\":\"start\"}: every message
from then on follows.";
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
const EVENTS_EXAMPLES: &str = "\
Examples:
  gossip events
  gossip events --only member,join
  gossip events --json | jq 'select(.event == \"member\")'

With --json the first line is {\"event\":\"start\"}: everything that happens from then on follows.";

/// Commands that talk to the local agent.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Show who is in the cluster
    Members(MembersArgs),
    /// Show how long a packet takes from one member to another and back
    Rtt(RttArgs),
    /// Show the local agent: identity, address, counters
    #[command(after_help = INFO_EXAMPLES)]
    Info,
    /// Make the agent join through other members
    Join(JoinArgs),
    /// Make the agent leave the cluster gracefully and stop
    #[command(after_help = LEAVE_EXAMPLES)]
    Leave,
    /// Mark a member that is down as left, everywhere
    ForceLeave(ForceLeaveArgs),
    /// Write a key; prints the version of the write
    Set(SetArgs),
    /// Print a key's value
    Get(GetArgs),
    /// Delete a key; prints the version of the write
    Delete(DeleteArgs),
    /// List keys and values
    List(ListArgs),
    /// Write many keys from a JSON file
    Import(ImportArgs),
    /// Print keys and values as one JSON object
    Export(ExportArgs),
    /// Send a message to all members
    Publish(PublishArgs),
    /// Take back a message of this agent where it has not arrived yet
    Cancel(CancelArgs),
    /// Print messages as they arrive
    Subscribe(SubscribeArgs),
    /// Print changes of keys as they happen
    Watch(WatchArgs),
    /// Send a message to one member; ends when it was delivered
    Send(SendArgs),
    /// Print the messages that others sent to this agent
    Inbox(InboxArgs),
    /// Ask all members, or some, and print their answers
    Query(QueryArgs),
    /// Ask members who gets through to whom, and name links that carry in one direction only
    Reachability(ReachabilityArgs),
    /// Print whatever happens in the cluster, as it happens
    Events(EventsArgs),
}

#[derive(Args, Debug)]
#[command(after_help = MEMBERS_EXAMPLES)]
pub(crate) struct MembersArgs {
    /// Only members with this tag. Repeatable: all must match
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    /// Only members of this status. Repeatable: any may match. Without it: alive and suspect
    #[arg(long)]
    pub(crate) status: Vec<StatusName>,
    /// Only members of this name; `*` stands for any text
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name: Option<String>,
    /// Those down and left too
    #[arg(long)]
    pub(crate) all: bool,
    /// Say why members are held to be what they are; of one alone, if its name or id is given
    #[arg(long, value_name = "NAME|ID", num_args = 0..=1, default_missing_value = "")]
    pub(crate) why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusName {
    Alive,
    Suspect,
    Down,
    Left,
}

#[derive(Args, Debug)]
#[command(after_help = RTT_EXAMPLES)]
pub(crate) struct RttArgs {
    /// To this member, by name or id; with B: from this one. Default: to all
    pub(crate) a: Option<String>,
    /// To this member
    pub(crate) b: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = JOIN_EXAMPLES)]
pub(crate) struct JoinArgs {
    /// Members to join through, HOST or HOST:PORT; one that answers is enough
    #[arg(required = true, value_name = "CONTACT")]
    pub(crate) contacts: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = FORCE_LEAVE_EXAMPLES)]
pub(crate) struct ForceLeaveArgs {
    /// The member, by name or by id
    #[arg(value_name = "NAME|ID")]
    pub(crate) member: String,
}

#[derive(Args, Debug)]
#[command(after_help = SET_EXAMPLES)]
pub(crate) struct SetArgs {
    /// A shared key, which any member may write; it may not start with @
    pub(crate) key: String,
    /// The value; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Write a key of this member's own, which nobody else can change
    #[arg(long)]
    pub(crate) own: bool,
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

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share between 0 and 1, such as 0.99".into())
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
    /// Delete a key of this member's own
    #[arg(long)]
    pub(crate) own: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
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
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Only keys that start with this
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
    /// Own keys of all members too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub(crate) struct PublishArgs {
    /// What the message is about, at most 255 bytes
    pub(crate) topic: String,
    /// The message; `-`, or none at all, reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) payload: Option<String>,
    /// Read the message, UTF-8 text, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    pub(crate) file: Option<PathBuf>,
    /// How urgent it is: urgent messages go over more links, bulk ones when nothing else waits
    #[arg(long, value_name = "CLASS", default_value = "normal", value_parser = ["urgent", "normal", "bulk"])]
    pub(crate) class: String,
    /// After so long, such as 500ms or 10s, whoever has not got it never does. Default: as long as messages are kept
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) expires: Option<Duration>,
    /// It replaces older messages of this agent with the same topic and key wherever they are still on their way
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Deliver it everywhere after this agent's former ordered messages
    #[arg(long)]
    pub(crate) ordered: bool,
    /// Wait until this share of the other members, 0 to 1, have it with 95 % confidence
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) wait_coverage: Option<f64>,
    /// How long to wait, at most 60s, such as 500ms or 5s. Default: 10s
    #[arg(long, value_name = "TIME", requires = "wait_coverage", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(after_help = CANCEL_EXAMPLES)]
pub(crate) struct CancelArgs {
    /// The message, as `gossip publish` printed it
    pub(crate) message: String,
}

#[derive(Args, Debug)]
#[command(after_help = SUBSCRIBE_EXAMPLES)]
pub(crate) struct SubscribeArgs {
    /// Only messages of this topic
    pub(crate) topic: Option<String>,
    /// Stop after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Args, Debug)]
#[command(after_help = EVENTS_EXAMPLES)]
pub(crate) struct EventsArgs {
    /// Only events of these kinds, and how many were missed
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) only: Vec<EventKind>,
    /// Stop after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}
