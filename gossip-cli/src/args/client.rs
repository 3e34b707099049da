use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::direct::{InboxArgs, QueryArgs, ReachabilityArgs, SendArgs};
use super::duration;
use super::keys::{
    DeleteArgs, DiffArgs, ElementsArgs, ExportArgs, GetArgs, ImportArgs, IncrArgs, ListArgs, ResolveArgs, SetArgs,
    SiblingsArgs, WatchArgs,
};
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
const PUBLISH_EXAMPLES: &str = "\
Examples:
  gossip publish deploy --text 'v1.4.2 is out'
  gossip publish config new.json --wait-coverage 0.99 --timeout 5s
  tar c site | gossip publish site --class bulk
  gossip publish alarm --text fire --class urgent
  gossip publish load --text 0.7 --key web-1 --expires 10s

A message is any bytes; what is no UTF-8 text subscribers see as hexadecimal digits.

With --wait-coverage a sample of the members is asked, as large as it takes to show the share with
95 % confidence: all of up to 1024; of more than that no share above 0.996 can be shown. Of a payload
that goes in parts it is the announcement that counts. After --timeout it ends with exit code 4, and
the message goes on spreading. Where too much waits to be sent nothing is published and the exit code
is 6. An ordered message must fit one datagram, others may have 32 MiB as configured at first.";
const CANCEL_EXAMPLES: &str = "\
Examples:
  gossip cancel 6e87284d.1763700000000.5
  gossip cancel \"$(gossip publish deploy --text 'v1.4.2 is out')\"

Who has it keeps it; nobody else gets it any more. It prints the name of the message that says so.";
const SUBSCRIBE_EXAMPLES: &str = "\
Examples:
  gossip subscribe deploy
  gossip subscribe --count 1 --json   wait for the next message of any topic
  gossip subscribe site --count 1 --json | jq -r 'select(.event == \"message\").payload_hex' | xxd -r -p | tar x

Of a message that is no UTF-8 text the first bytes are shown as hexadecimal digits, and how many there are; with --json all of
them are `payload_hex`.

Where messages were missed a line on standard error says so, with --json an object: `lagged` if this
reader was too slow, `gap` if messages of a member are not to be had any more.

Messages that were sent through this agent are shown too. With --json the first line is {\"event\":\"start\"}: every message
from then on follows.";
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
    /// Count a counter up or down; prints where it stands
    Incr(IncrArgs),
    /// Add elements to a set; prints the version of the write
    Add(ElementsArgs),
    /// Remove elements from a set; prints the version of the write
    Remove(ElementsArgs),
    /// Show the values of a key that were written at the same time
    Siblings(SiblingsArgs),
    /// Write one value in place of those that were written at the same time
    Resolve(ResolveArgs),
    /// List keys and values
    List(ListArgs),
    /// Write many keys from a JSON file
    Import(ImportArgs),
    /// Print keys and values as one JSON object
    Export(ExportArgs),
    /// Compare the keys of this agent with those of a member: which differ, and what it took to find them
    Diff(DiffArgs),
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
#[command(after_help = PUBLISH_EXAMPLES)]
pub(crate) struct PublishArgs {
    /// What the message is about, at most 255 bytes
    pub(crate) topic: String,
    /// The file that holds the message; `-` reads standard input
    #[arg(default_value = "-", hide_default_value = true)]
    pub(crate) file: PathBuf,
    /// The message itself
    #[arg(long, value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true)]
    pub(crate) text: Option<String>,
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

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share between 0 and 1, such as 0.99".into())
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
