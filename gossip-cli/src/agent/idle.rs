//! What agents cost that have nothing to do, several in one process.
//!
//! `GOSSIP_IDLE_AGENTS=64 GOSSIP_IDLE_SECONDS=60 cargo test --release -p gossip-cli --lib idle -- --nocapture` is
//! the long form, which also holds them to their limits; nothing else may run in the process then. With `GOSSIP_IDLE_DATA=1`
//! each has a data folder.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use crate::args::{Cli, Command};
use crate::exit::Failure;

/// The processor time that all of them may take, in thousandths of a core.
const CPU: f64 = 10.0;
/// The memory that each of them may take, in KiB.
const MEMORY: u64 = 1024;
/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Starts an agent as the command line does.
fn start(socket: &Path, name: &str, data_dir: Option<&str>, contact: Option<&str>) -> JoinHandle<Result<(), Failure>> {
    let mut line = vec!["gossip", "--json", "agent", "--name", name, "--bind", "127.0.0.1:0", "--log", "warn"];
    line.extend(data_dir.iter().flat_map(|folder| ["--data-dir", folder]));
    line.extend(contact.iter().flat_map(|contact| ["--join", contact]));
    let Command::Agent(args) = Cli::try_parse_from(line).expect("a command").command else { unreachable!() };
    tokio::spawn(super::run(args, Some(socket.to_path_buf()), true))
}

/// What an agent answers; nothing, if it is not there yet.
async fn ask(socket: &Path, request: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    let head = format!("{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// Asks until an answer is the right one.
async fn ask_until<T>(socket: &Path, right: impl Fn(&Value) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = ask(socket, "GET /v1/info").await.as_ref().and_then(&right) {
                return found;
            }
            yield_now().await;
        }
    };
    timeout(PATIENCE, found).await.expect("it becomes true")
}

/// The processor time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name ends").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number of ticks");
    // A hundred a second, whatever the kernel's own clock is: that is part of its interface.
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// What stands under a name in the status of this process or of its threads.
fn status(path: &Path, name: &str) -> u64 {
    // A thread may end meanwhile.
    let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

/// How often its threads were woken.
fn wakeups() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads");
    threads.flatten().map(|thread| status(&thread.path(), "voluntary_ctxt_switches:")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_agents_in_one_process_cost_little() {
    let (agents, seconds) = (number("GOSSIP_IDLE_AGENTS", 3), number("GOSSIP_IDLE_SECONDS", 1));
    let folder = tempfile::tempdir().unwrap();
    let resident = || status(Path::new("/proc/self"), "VmRSS:");
    let before = resident();
    let sockets: Vec<PathBuf> = (0..agents).map(|at| folder.path().join(at.to_string())).collect();
    let (mut running, mut contact) = (Vec::new(), None::<String>);
    for (at, socket) in sockets.iter().enumerate() {
        let data_dir = folder.path().join(format!("{at}.data")).display().to_string();
        let data_dir = (number("GOSSIP_IDLE_DATA", 0) > 0).then_some(data_dir.as_str());
        running.push(start(socket, &format!("n{at}"), data_dir, contact.as_deref()));
        contact = Some(ask_until(socket, |info| Some(info["bind"].as_str()?.to_string())).await);
    }
    for socket in &sockets {
        ask_until(socket, |info| (info["members"]["alive"] == agents).then_some(())).await;
    }
    // Until the news of the last one has been told often enough.
    let _ = timeout(Duration::from_secs(seconds / 6), pending::<()>()).await;

    let (settled, used, woken) = (resident(), cpu(), wakeups());
    let length = Duration::from_secs(seconds);
    let _ = timeout(length, pending::<()>()).await;
    let (used, woken, grown) = (cpu() - used, wakeups() - woken, resident().saturating_sub(settled));
    let each = settled.saturating_sub(before) / agents;
    let permille = used.as_secs_f64() * 1000.0 / length.as_secs_f64();
    println!(
        "{agents} agents, {seconds} s: {used:.2?} of processor time ({permille:.1} thousandths of a core), {} wakeups a \
         second; {each} KiB each, {grown} KiB more at the end",
        woken / seconds
    );
    if std::env::var_os("GOSSIP_IDLE_AGENTS").is_some() {
        assert!(permille <= CPU && each <= MEMORY);
    }
    for (socket, running) in sockets.iter().zip(running) {
        ask(socket, "POST /v1/leave").await;
        assert_eq!(timeout(PATIENCE, running).await.expect("it ends").expect("it does not panic"), Ok(()));
    }
}
