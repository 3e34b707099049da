//! One agent of five under writes: what it takes, what it holds, when the others have it, and what it says it shed.
//!
//! `GOSSIP_LOAD_RATE=10000 GOSSIP_LOAD_SECONDS=60 cargo test --release -p gossip-cli --test load -- --nocapture
//! --test-threads 1` is the long form, which also holds the agents to their limit of time.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::client::{Client, request};
use support::{Agent, PATIENCE, Site, number};

/// How many agents there are; the first takes all writes.
const AGENTS: usize = 5;
/// How many threads write.
const WRITERS: u64 = 2;
/// How many connections each of them keeps: so many of its writes are under way at a time.
const CONNECTIONS: u64 = 128;
/// The size of a value, in bytes.
const VALUE: usize = 200;
/// What one agent may take at most, in KiB.
const MEMORY: u64 = 150 * 1024;
/// How long after the last answer all must hold the same.
const CONVERGENCE: Duration = Duration::from_secs(2);

/// What is written, how fast and for how long.
#[derive(Clone, Copy)]
struct Load {
    /// Writes a second.
    rate: u64,
    length: Duration,
    /// Over how many keys, in turn.
    keys: u64,
}

impl Load {
    /// 20 000 keys: each is written again every two seconds at the full rate, as a table of a few thousand tasks or
    /// services that report their state would be.
    fn asked_for() -> Self {
        Self {
            rate: number("GOSSIP_LOAD_RATE", 1000),
            length: Duration::from_secs(number("GOSSIP_LOAD_SECONDS", 3)),
            keys: number("GOSSIP_LOAD_KEYS", 20_000),
        }
    }

    /// Whether this is the long form.
    fn is_full() -> bool {
        std::env::var_os("GOSSIP_LOAD_RATE").is_some()
    }
}

/// What became of the writes.
#[derive(Default)]
struct Outcome {
    /// How many were answered with success.
    written: u64,
    /// What the others were answered, and how often.
    refused: BTreeMap<String, u64>,
    /// How long each round of writes took.
    rounds: Vec<Duration>,
}

/// Rounds of one write on each connection, each begun when it is due or the one before it is answered.
fn write(writer: u64, load: Load, socket: &Path) -> Outcome {
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::new(socket).expect("the agent listens")).collect();
    // Nobody sends: receiving ends when its time is over.
    let (_open, never) = mpsc::channel::<()>();
    let (begun, mut outcome) = (Instant::now(), Outcome::default());
    let rounds = load.rate * load.length.as_secs() / (WRITERS * CONNECTIONS);
    for round in 0..rounds {
        let due = load.length.mul_f64(round as f64 / rounds as f64);
        let _ = never.recv_timeout(due.saturating_sub(begun.elapsed()));
        let sent = Instant::now();
        for (at, client) in (0..).zip(&mut clients) {
            let write = (round * WRITERS + writer) * CONNECTIONS + at;
            let value = format!("{write:0VALUE$}");
            let body = format!(r#"{{"key":"key/{}","value":"{value}"}}"#, write % load.keys);
            client.write(&request("PUT", "/v1/key", &body)).expect("the agent reads");
        }
        for client in &mut clients {
            match client.answer().expect("the agent answers") {
                (200, _) => outcome.written += 1,
                (_, answer) => {
                    // Without the key, which comes first.
                    let error = answer["error"].as_str().and_then(|error| error.rsplit("\": ").next());
                    *outcome.refused.entry(error.unwrap_or_default().to_string()).or_default() += 1;
                }
            }
        }
        outcome.rounds.push(sent.elapsed());
    }
    outcome
}

fn write_all(load: Load, socket: &Path) -> Outcome {
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer, load, socket))).collect();
        threads.into_iter().map(|thread| thread.join().expect("all were answered")).collect()
    });
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.written += outcome.written;
        all.rounds.extend(outcome.rounds);
        for (error, count) in outcome.refused {
            *all.refused.entry(error).or_default() += count;
        }
    }
    all.rounds.sort_unstable();
    all
}

/// The processor time that a process has used.
fn cpu(agent: &Agent) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid())).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name ends").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number of ticks");
    // A hundred a second, whatever the kernel's own clock is: that is part of its interface.
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// The most memory that a process ever held, in KiB.
fn memory(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory is told");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

struct Cluster {
    site: Site,
    agents: Vec<Agent>,
}

impl Cluster {
    fn start(config: &str, data: bool) -> Self {
        let site = Site::new();
        site.file("gossip.toml", config);
        let mut agents: Vec<Agent> = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            let data_dir = ["--data-dir".to_string(), site.arg(&format!("{name}.data"))];
            let mut args: Vec<&str> = Vec::new();
            if data {
                args.extend(data_dir.iter().map(String::as_str));
            }
            let contact = agents.first().map(|agent: &Agent| agent.addr().to_string());
            args.extend(contact.iter().flat_map(|contact| ["--join", contact]));
            agents.push(site.start(name, &args));
        }
        agents.iter().for_each(|agent| agent.wait_for_alive(&["a", "b", "c", "d", "e"]));
        Self { site, agents }
    }

    fn socket(&self, agent: &Agent) -> std::path::PathBuf {
        self.site.path(&format!("{}.sock", agent.name))
    }

    /// Waits until all say that they hold the same, and how long that took.
    fn converged(&self) -> Duration {
        let begun = Instant::now();
        let mut clients: Vec<_> =
            self.agents.iter().map(|agent| Client::new(&self.socket(agent)).expect("it listens")).collect();
        loop {
            let mut prints = clients.iter_mut().map(|client| info(client)["kv"]["fingerprint"].clone());
            let first = prints.next();
            if prints.all(|print| Some(print) == first) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "they do not converge: {:?}", self.shed());
        }
    }

    /// What each agent holds, by its own list.
    fn lists(&self) -> Vec<Value> {
        let list = |agent| Client::new(&self.socket(agent))?.send("GET", "/v1/keys", "");
        self.agents.iter().map(|agent| list(agent).expect("a list").1).collect()
    }

    /// The counters of each agent that say what it left out, and are not zero.
    fn shed(&self) -> Vec<String> {
        let of = |agent: &Agent| {
            let info = info(&mut Client::new(&self.socket(agent)).expect("it listens"));
            let stats = info["stats"].as_object().expect("counters");
            let is_shed = |name: &str| {
                ["dropped", "ignored", "postponed", "unpushed", "missed"].iter().any(|word| name.contains(word))
            };
            let shed = stats.iter().filter(|(name, count)| is_shed(name) && **count != 0);
            let shed: Vec<_> = shed.map(|(name, count)| format!("{name} {count}")).collect();
            format!("{}: {}, kv_syncs {}", agent.name, shed.join(", "), stats["kv_syncs"])
        };
        self.agents.iter().map(of).collect()
    }

    fn run(&self, load: Load) -> Outcome {
        let before: Vec<_> = self.agents.iter().map(cpu).collect();
        let begun = Instant::now();
        let outcome = write_all(load, &self.socket(&self.agents[0]));
        let length = begun.elapsed();
        let converged = self.converged();
        let used: Vec<_> = self.agents.iter().zip(before).map(|(agent, before)| cpu(agent) - before).collect();
        let memory: Vec<_> = self.agents.iter().map(memory).collect();
        let total = outcome.written + outcome.refused.values().sum::<u64>();
        println!(
            "{} writes in {length:.1?} ({:.0}/s), {} refused; a round of {CONNECTIONS} p50 {:.1?}, p99 {:.1?}",
            outcome.written,
            outcome.written as f64 / length.as_secs_f64(),
            total - outcome.written,
            outcome.rounds[outcome.rounds.len() / 2],
            outcome.rounds[outcome.rounds.len() * 99 / 100],
        );
        println!("all the same {converged:.1?} after the last answer");
        println!("processor time {used:.1?}: {:.1?} a write at the writer", used[0] / total.max(1) as u32);
        println!("memory at most {:?} MB", memory.iter().map(|kib| kib / 1024).collect::<Vec<_>>());
        self.shed().iter().for_each(|line| println!("shed at {line}"));
        outcome.refused.iter().for_each(|(error, count)| println!("refused {count}: {error}"));
        assert!(memory.iter().all(|kib| *kib <= MEMORY), "{memory:?} KiB");
        if Load::is_full() {
            assert!(converged <= CONVERGENCE, "{converged:?}");
        }
        outcome
    }
}

fn info(client: &mut Client) -> Value {
    let (status, info) = client.send("GET", "/v1/info", "").expect("an answer");
    assert_eq!(status, 200, "{info}");
    info
}

fn all_writes_arrive(data: bool) {
    let load = Load::asked_for();
    let cluster = Cluster::start("preset = \"lan\"\n", data);
    assert_eq!(cluster.agents.len(), AGENTS);
    let outcome = cluster.run(load);
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let lists = cluster.lists();
    assert_eq!(lists[0]["entries"].as_array().map(Vec::len), Some(outcome.written.min(load.keys) as usize));
    assert!(lists.iter().all(|list| *list == lists[0]), "the fingerprints are equal and the maps are not");
}

#[test]
fn writes_to_one_of_five_arrive_at_all_within_their_memory() {
    all_writes_arrive(false);
}

#[test]
fn writes_that_are_kept_on_disk_arrive_at_all_within_their_memory() {
    all_writes_arrive(true);
}

#[test]
fn keys_beyond_the_limit_of_the_map_are_refused_by_name_and_the_others_arrive() {
    let load = Load { keys: u64::MAX, ..Load::asked_for() };
    // A third of what is tried.
    let max = load.rate * load.length.as_secs() / 3;
    let cluster = Cluster::start(&format!("preset = \"lan\"\n[kv]\nmax_entries = {max}\n"), false);
    let outcome = cluster.run(load);
    assert_eq!(outcome.written, max);
    assert!(outcome.refused.keys().all(|error| error.contains("full")), "{:?}", outcome.refused);
    let entries = |list: &Value| list["entries"].as_array().map(Vec::len);
    assert!(cluster.lists().iter().all(|list| entries(list) == Some(max as usize)));
}
