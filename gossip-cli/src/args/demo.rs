use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  gossip demo
  gossip demo --nodes 64
  gossip demo --data services.json --json

Every phase has a time limit. Exit code 0 means that every phase reached its end on every node.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How many members, each with a UDP socket of its own
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(5..=512))]
    pub(crate) nodes: u16,
    /// The catalogue to share: a JSON array of objects with a `name`, or an object. Default: a built-in sample
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
}
