//! Commands for messages to one member, for queries, and for who reaches whom.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration;

const SEND_EXAMPLES: &str = "\
Examples:
  gossip send web-1 note.txt
  echo hello | gossip send web-1

The message must fit one datagram, or 64 KiB if both agents have a stream lane. It is sent again until the member has it,
for direct.timeout at most (5 s unless the configuration says otherwise). Exit code 1 and the reason if it was not
delivered.";
const INBOX_EXAMPLES: &str = "\
Examples:
  gossip inbox
  gossip inbox --count 1 --json

While nobody reads, the agent keeps up to 1024 messages; then senders are told that the inbox is full, and nothing is lost. Each
message is shown once, to one reader at a time. With --json the first line is {\"event\":\"start\"}.";
const QUERY_EXAMPLES: &str = "\
Examples:
  gossip query load
  gossip query df /var --tag role=db --timeout 10s
  gossip query load --json

Members answer with --on-query NAME=CMD. It ends when all that were asked have said something final, or when the time is over. Exit
code 1 if nobody answered.";
const REACHABILITY_EXAMPLES: &str = "\
Examples:
  gossip reachability
  gossip reachability --timeout 10s --json

Every live member sends a few bytes to every other, to 64 drawn at random if there are more, and reports which were acknowledged
and whose came. It ends when all have reported. Exit code 1 if a link carries in one direction only or not at all, or if a
member is down or is heard by nobody. Members that are no agents give no answer, but are tried.";

#[derive(Args, Debug)]
#[command(after_help = SEND_EXAMPLES)]
pub(crate) struct SendArgs {
    /// The member, by name or by id
    pub(crate) node: String,
    /// The file that holds the message; `-` is standard input
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = INBOX_EXAMPLES)]
pub(crate) struct InboxArgs {
    /// Stop after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Args, Debug)]
#[command(after_help = QUERY_EXAMPLES)]
pub(crate) struct QueryArgs {
    /// What is asked: the NAME of an --on-query
    pub(crate) name: String,
    /// What the handlers get on standard input; `-` reads it from standard input
    #[arg(default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) data: String,
    /// Ask only members with this tag. Repeatable: all must match
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    /// How long to wait for answers, at most 1h
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

#[derive(Args, Debug)]
#[command(after_help = REACHABILITY_EXAMPLES)]
pub(crate) struct ReachabilityArgs {
    /// How long to wait for reports, 100ms to 60s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}
