//! What the `gossip` binary does: an agent, commands that talk to it, the simulator and a demonstration.
//!
//! A library only so that the fuzz targets reach the reader of configuration files. It is no interface: use the binary, or
//! `gossip-core` and its adapters.

mod agent;
mod args;
mod catalogue;
mod change;
mod client;
mod config;
mod demo;
mod digits;
mod entries;
mod event_kind;
mod exit;
mod output;
mod profile;
mod reference;
mod sim;
mod socket;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command, ConfigCommand};
use exit::{Code, Failure};

#[doc(hidden)]
pub use config::in_effect as config_in_effect;

/// Does what the process's arguments say.
#[doc(hidden)]
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let json = cli.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Agent(agent) => block_on(agent::run(agent, cli.socket, cli.json)),
        Command::Config(ConfigCommand::Default) => config::print_default(cli.json),
        Command::Config(ConfigCommand::Check { file }) => block_on(client::check(file, cli.socket, cli.json)),
        Command::Demo(demo) => block_on(demo::run(demo, cli.json)),
        Command::Sim(command) => sim::run(command, cli.json),
        Command::Completions(args) => reference::completions(args.shell),
        Command::Man(args) => reference::man(&args),
        Command::Client(command) => block_on(client::run(command, cli.socket, cli.json)),
    }
}

/// Prints help, the version, or what is wrong with the command line: as JSON if that was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Failure::input(message).hint("`gossip help COMMAND` shows how it is written").report(true);
    }
    // A closed pipe leaves nobody to tell.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Code::Input.number()))
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(work)
}
