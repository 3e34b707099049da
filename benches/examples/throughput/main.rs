//! How many pings of many peers a node answers over loopback, on tokio and on smol's reactor, beside a loop that does nothing but
//! receive and send the same packets by the same system calls. Needs Linux.
//!
//! ```text
//! cargo run --release -p gossip-benches --example throughput [-- --rounds 15 --seconds 0.5 --json]
//! ```
//!
//! All are measured in turn, round after round, so that what else the machine does hits each alike. Beside the packets per second there
//! are those per second of processor time, of all threads but those that make the load: other work on the machine matters less there.

#[cfg(target_os = "linux")]
mod answerers;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod rounds;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match rounds::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: recvmmsg and sendmmsg are of Linux");
    ExitCode::SUCCESS
}
