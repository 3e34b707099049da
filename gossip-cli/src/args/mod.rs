//! The command line: what may be said, and its help.

mod agent;
mod client;
mod demo;
mod direct;
mod duration;
mod keys;
mod reference;
mod sim;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use agent::{AgentArgs, LogLevel};
pub(crate) use client::{
    CancelArgs, ClientCommand, EventsArgs, ForceLeaveArgs, JoinArgs, MembersArgs, PublishArgs, RttArgs, SubscribeArgs,
};
pub(crate) use demo::DemoArgs;
pub(crate) use direct::{InboxArgs, QueryArgs, ReachabilityArgs, SendArgs};
pub(crate) use keys::{
    DeleteArgs, DiffArgs, ElementsArgs, ExportArgs, GetArgs, HowArgs, ImportArgs, IncrArgs, ListArgs, ResolveArgs,
    SetArgs, SetType, SiblingsArgs, WaitArgs, WatchArgs,
};
pub(crate) use reference::{CompletionsArgs, ManArgs};
pub(crate) use sim::{Seeds, SimCommand, SimFloorsArgs, SimRunArgs};

const EXAMPLES: &str = "\
Examples:
  gossip demo                                      see a whole cluster at work on this machine
  gossip agent --name a --bind 127.0.0.1:7946      start the first member
  gossip agent --name b --bind 127.0.0.1:0 --join 127.0.0.1:7946 --socket b.sock
  gossip members                                   who is there
  gossip set greeting hello && gossip --socket b.sock get greeting

Exit codes:
  0 done   1 failed   2 bad usage or input   3 no agent at the socket
  4 written or published, but not acknowledged in time by as many as --wait or --wait-coverage say
  5 the agent stopped: another live member bears its name
  6 not published: too much waits to be sent; the same command will work a little later
  7 not written: the key is not as --if-absent, --if-version or --pick wants it
  8 `gossip diff`: the two members did not hold the same";

/// Membership, failure detection, shared state and broadcast for processes that find each other by gossip.
#[derive(Debug, Parser)]
#[command(name = "gossip", version, after_help = EXAMPLES, max_term_width = 120)]
pub(crate) struct Cli {
    /// The local agent's Unix socket. Default: gossip.sock in the runtime folder
    #[arg(long, global = true, value_name = "PATH", env = "GOSSIP_SOCKET", hide_env_values = true)]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON, errors on standard error included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a cluster member until it is told to stop
    Agent(AgentArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run a whole cluster in one process, live: join, share a catalogue, broadcast, crash, return
    Demo(DemoArgs),
    /// Run scenarios on simulated networks
    #[command(subcommand)]
    Sim(SimCommand),
    /// Print what a shell needs to complete commands of this program
    Completions(CompletionsArgs),
    /// Print or write manual pages
    Man(ManArgs),
    #[command(flatten)]
    Client(ClientCommand),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  gossip config check gossip.toml && kill -HUP $(pidof gossip)
  gossip config check gossip.toml --json

Exit code 0 means that the file is right. What it changes is said against the agent at the socket, or against the
defaults if there is none.";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file, and say what it would change: by SIGHUP or only by a restart
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print a commented template that holds every field and its default
    #[command(after_help = "Examples:\n  gossip config default > gossip.toml && gossip agent --config gossip.toml")]
    Default,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_in_its_help() {
        fn check(command: &clap::Command) {
            if command.get_subcommands().next().is_none() || command.get_name() == "gossip" {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
