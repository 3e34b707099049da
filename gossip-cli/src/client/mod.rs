//! Commands that ask the local agent.

mod check;
mod diff;
mod direct;
mod http;
mod keys;
mod members;
mod reachability;
mod rtt;
mod stream;
mod transfer;
mod typed;
mod watch;
mod why;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::args::ClientCommand;
use crate::exit::Failure;
use crate::{digits, socket};
pub(crate) use check::check;
use http::Client;

/// Runs one command against the agent at `socket`.
pub(crate) async fn run(command: ClientCommand, socket: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let client = Client::new(socket::path(socket));
    match command {
        ClientCommand::Members(args) => members::list(&client, &args, json).await,
        ClientCommand::Rtt(args) => rtt::show(&client, &args, json).await,
        ClientCommand::Info => members::info(&client, json).await,
        ClientCommand::Join(args) => members::join(&client, &args, json).await,
        ClientCommand::Leave => members::leave(&client, json).await,
        ClientCommand::ForceLeave(args) => members::force_leave(&client, &args, json).await,
        ClientCommand::Set(args) => keys::set(&client, &args, json).await,
        ClientCommand::Get(args) => keys::get(&client, &args, json).await,
        ClientCommand::Delete(args) => keys::delete(&client, &args, json).await,
        ClientCommand::Incr(args) => typed::incr(&client, &args, json).await,
        ClientCommand::Add(args) => typed::add(&client, &args, json).await,
        ClientCommand::Remove(args) => typed::remove(&client, &args, json).await,
        ClientCommand::Siblings(args) => keys::siblings(&client, &args, json).await,
        ClientCommand::Resolve(args) => keys::resolve(&client, &args, json).await,
        ClientCommand::List(args) if args.watch => watch::list(&client, &args, json).await,
        ClientCommand::List(args) => keys::list(&client, &args, json).await,
        ClientCommand::Import(args) => transfer::import(&client, &args, json).await,
        ClientCommand::Export(args) => transfer::export(&client, &args).await,
        ClientCommand::Diff(args) => diff::show(&client, &args, json).await,
        ClientCommand::Publish(args) => keys::publish(&client, &args, json).await,
        ClientCommand::Cancel(args) => keys::cancel(&client, &args, json).await,
        ClientCommand::Subscribe(args) => stream::subscribe(&client, &args, json).await,
        ClientCommand::Watch(args) => watch::watch(&client, &args, json).await,
        ClientCommand::Send(args) => direct::send(&client, &args, json).await,
        ClientCommand::Inbox(args) => direct::inbox(&client, &args, json).await,
        ClientCommand::Query(args) => direct::query(&client, &args, json).await,
        ClientCommand::Reachability(args) => reachability::ask(&client, &args, json).await,
        ClientCommand::Events(args) => stream::events(&client, &args, json).await,
    }
}

/// The argument itself, or standard input if it is `-`.
fn argument_or_stdin(argument: &str) -> Result<String, Failure> {
    if argument == "-" { stdin() } else { Ok(argument.to_string()) }
}

/// The bytes of a file, or of standard input if it is `-`.
fn file_or_stdin(file: &Path) -> Result<Vec<u8>, Failure> {
    if file.as_os_str() != "-" {
        return std::fs::read(file).map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::input(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// Puts bytes into a request as text, or, if they are no text, as hexadecimal digits.
fn put_bytes(body: &mut Value, name: &str, bytes: Vec<u8>) {
    match String::from_utf8(bytes) {
        Ok(text) => body[name] = text.into(),
        Err(error) => body[format!("{name}_hex")] = digits::write(error.as_bytes()).into(),
    }
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::input(format!("cannot read standard input: {error}")))?;
    Ok(text)
}
