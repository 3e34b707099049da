//! The `gossip` binary: an agent, commands that talk to it, the simulator and a demonstration.

use std::process::ExitCode;

fn main() -> ExitCode {
    gossip_cli::main()
}
