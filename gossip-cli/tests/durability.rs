//! What was answered survives the process, however it ends; and a full disk.
//!
//! `GOSSIP_KILLS=200 cargo test -p gossip-cli --test durability` is the long form of the kills; the seed is printed, and
//! `GOSSIP_SEED` repeats it. `GOSSIP_WRITES=20000` measures answered writes for longer; both want `-- --nocapture`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::client::{Client, request};
use support::{Agent, PATIENCE, Site, number};

/// How many clients write at a time.
const WRITERS: usize = 4;
/// How many keys each of them has.
const KEYS: u64 = 12;

fn start(site: &Site) -> Agent {
    site.start("a", &["--data-dir", &site.arg("data")])
}

/// SplitMix64: enough for choices that a seed must repeat.
#[derive(Clone)]
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What a key holds, and the version that wrote it; `None`: nothing.
type Held = Option<(String, String)>;

/// What one writer knows: of each of its keys what was answered last, and the one write that was not.
#[derive(Default)]
struct Known {
    answered: BTreeMap<String, Held>,
    /// A key and what it may hold now: a value under a version nobody told, or nothing.
    open: Option<(String, Option<String>)>,
    count: u64,
}

impl Known {
    /// Writes until the agent is gone. It is killed when all writers together have had `kill_at` answers; the writer that
    /// sees to it may be in the middle of its next request.
    fn write(&mut self, writer: usize, socket: &Path, choices: &mut Choices, life: &Life<'_>) {
        let Ok(mut client) = Client::new(socket) else { return };
        loop {
            let (shown, value, text) = self.next(writer, choices);
            let cut = choices.below(text.len() as u64 + 1) as usize;
            self.open = Some((shown.clone(), value.clone()));
            let (head, tail) = text.split_at(cut);
            let sent = client.write(head);
            life.kill_if_due();
            if sent.and_then(|()| client.write(tail)).is_err() {
                return;
            }
            let Ok((status, answer)) = client.answer() else { return };
            assert_eq!(status, 200, "{answer}");
            let version = answer["version"].as_str().expect("a version").to_string();
            self.answered.insert(shown, value.map(|value| (value, version)));
            self.open = None;
            life.answers.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The next write: its key, what that holds then, and the request.
    fn next(&mut self, writer: usize, choices: &mut Choices) -> (String, Option<String>, String) {
        self.count += 1;
        let own = choices.below(3) == 0;
        let kind = choices.below(6);
        let key = match kind {
            0 => format!("w{writer}counter"),
            1 => format!("w{writer}set"),
            _ => format!("w{writer}k{}", choices.below(KEYS)),
        };
        let shown = if own { format!("@a/{key}") } else { key.clone() };
        let before = self.answered.get(&shown).cloned().flatten().map(|(value, _)| value);
        let change = |change: Value| {
            request("POST", "/v1/key", &json!({ "key": key, "own": own, "change": change }).to_string())
        };
        let (value, text) = match kind {
            0 => {
                let after = before.map_or(0, |text| text.parse().expect("a number")) + 1;
                (Some(after.to_string()), change(json!({ "type": "counter", "value": 1 })))
            }
            1 => {
                let mut elements: BTreeSet<String> =
                    before.map_or(BTreeSet::new(), |text| serde_json::from_str(&text).expect("a set"));
                let element = format!("e{}", choices.below(4));
                let removed = elements.remove(&element);
                let edit = if removed { "remove" } else { "add" };
                let text = change(json!({ "type": "set", "value": { edit: [element] } }));
                if !removed {
                    elements.insert(element);
                }
                ((!elements.is_empty()).then(|| json!(elements).to_string()), text)
            }
            _ if before.is_some() && choices.below(4) == 0 => {
                (None, request("DELETE", &format!("/v1/key?key={key}&own={own}"), ""))
            }
            _ => {
                let value = format!("{}-{}", self.count, "x".repeat(choices.below(300) as usize));
                let body = json!({ "key": key, "value": value, "own": own }).to_string();
                (Some(value), request("PUT", "/v1/key", &body))
            }
        };
        (shown, value, text)
    }

    /// Compares with what the agent holds after its restart, and takes that over.
    fn check(&mut self, held: &BTreeMap<String, (String, String)>, context: &str) {
        let open = self.open.take();
        for (key, expected) in &mut self.answered {
            let found = held.get(key).cloned();
            let could_be = |(open, value): &(String, Option<String>)| {
                open == key && *value == found.as_ref().map(|(value, _)| value.clone())
            };
            if open.as_ref().is_some_and(could_be) {
                *expected = found;
            } else {
                assert_eq!(found, *expected, "{context}: {key}");
            }
        }
        if let Some((key, _)) = open {
            self.answered.entry(key.clone()).or_insert_with(|| held.get(&key).cloned());
        }
    }
}

/// One life of the agent, and when it ends.
struct Life<'a> {
    pid: rustix::process::Pid,
    answers: &'a AtomicUsize,
    kill_at: usize,
}

impl Life<'_> {
    fn kill_if_due(&self) {
        if self.answers.load(Ordering::SeqCst) >= self.kill_at {
            // Another writer may have been faster.
            let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        }
    }
}

fn held(socket: &Path) -> BTreeMap<String, (String, String)> {
    let (status, answer) =
        Client::new(socket).and_then(|mut client| client.send("GET", "/v1/keys", "")).expect("a list");
    assert_eq!(status, 200);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToString::to_string);
    let rows = answer["entries"].as_array().expect("rows");
    rows.iter().map(|row| (text(&row["key"]), (text(&row["value"]), text(&row["version"])))).collect()
}

/// Starts an agent and kills it before it is ready, after so many looks at its folder.
fn kill_while_it_starts(site: &Site, looks: u64) {
    let args = site.agent_args("a", &["--data-dir", &site.arg("data")]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_gossip"))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    for _ in 0..looks {
        let _ = std::fs::read_dir(site.path("data")).map(Iterator::count);
    }
    let _ = child.kill();
    child.wait().expect("it ends");
}

#[test]
fn no_kill_at_any_point_loses_an_answered_write_or_prevents_the_next_start() {
    let kills = number("GOSSIP_KILLS", 30);
    let seed = number("GOSSIP_SEED", u64::from(std::process::id()) ^ 0x5eed);
    println!("{kills} kills, GOSSIP_SEED={seed}");
    let site = Site::new();
    let socket = site.path("a.sock");
    let mut choices = Choices(seed);
    let mut known: Vec<Known> = (0..WRITERS).map(|_| Known::default()).collect();
    let (mut generation, mut total) = (0, 0);
    for kill in 0..kills {
        let context = format!("GOSSIP_SEED={seed}, after kill {kill}");
        if choices.below(5) == 0 {
            kill_while_it_starts(&site, choices.below(4000));
        }
        let agent = start(&site);
        assert!(agent.generation() > generation, "{context}: {} after {generation}", agent.generation());
        generation = agent.generation();
        let found = held(&socket);
        known.iter_mut().for_each(|known| known.check(&found, &context));
        let answers = AtomicUsize::new(0);
        let life = Life { pid: agent.pid(), answers: &answers, kill_at: choices.below(60) as usize };
        std::thread::scope(|scope| {
            for (writer, known) in known.iter_mut().enumerate() {
                let (mut choices, life, socket) = (Choices(choices.below(u64::MAX)), &life, &socket);
                scope.spawn(move || known.write(writer, socket, &mut choices, life));
            }
        });
        total += answers.load(Ordering::SeqCst);
        agent.kill();
    }
    let agent = start(&site);
    assert!(agent.generation() > generation);
    let found = held(&socket);
    known.iter_mut().for_each(|known| known.check(&found, &format!("GOSSIP_SEED={seed}, at the end")));
    println!("{kills} kills, {total} answered writes, {} keys at the end", found.len());
    assert!(total > 0);
}

/// Sets keys from so many clients at a time; what each answer took, and all together.
fn measure(socket: &Path, clients: usize, writes: usize) -> (Vec<Duration>, Duration) {
    let begun = Instant::now();
    let each = |client: usize| {
        let mut connection = Client::new(socket).expect("the agent answers");
        let times = (0..writes / clients).map(|write| {
            let body = json!({ "key": format!("c{client}k{}", write % 100), "value": "x".repeat(200) }).to_string();
            let begun = Instant::now();
            let (status, answer) = connection.send("PUT", "/v1/key", &body).expect("an answer");
            assert_eq!(status, 200, "{answer}");
            begun.elapsed()
        });
        times.collect::<Vec<_>>()
    };
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || each(client))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("all were answered")).collect()
    });
    let whole = begun.elapsed();
    times.sort_unstable();
    (times, whole)
}

#[test]
fn many_clients_share_the_trips_to_the_disk() {
    let writes = number("GOSSIP_WRITES", 256) as usize;
    let site = Site::new();
    let _agent = start(&site);
    for clients in [1, 16, 64] {
        let count = if clients == 1 { writes / 8 } else { writes };
        let (times, whole) = measure(&site.path("a.sock"), clients, count);
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        let rate = times.len() as f64 / whole.as_secs_f64();
        println!("{clients:2} clients: {} writes, p50 {p50:.1?}, p99 {p99:.1?}, {rate:.0} writes/s", times.len());
        assert_eq!(times.len(), count / clients * clients);
    }
    assert!(held(&site.path("a.sock")).contains_key("c63k0"));
}

/// Runs an agent whose data folder is a file system of its own, of 8 MiB; `None` where that is not allowed.
fn agent_on_a_small_disk(site: &Site) -> Option<Agent> {
    std::fs::create_dir(site.path("data")).expect("the folder is writable");
    let mount = format!("mount -t tmpfs -o size=8m gossip-test '{}'", site.arg("data"));
    let possible = Command::new("unshare").args(["-rm", "sh", "-c", &mount]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let script = format!("{mount} && exec \"$@\"");
    let args = site.agent_args("a", &["--data-dir", &site.arg("data")]);
    Some(Agent::spawn_by(site, "a", &["unshare", "-rm", "sh", "-c", &script, "sh"], &args))
}

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_recovers() {
    let site = Site::new();
    let Some(agent) = agent_on_a_small_disk(&site) else {
        println!("no file system of one's own can be mounted here: the unit tests of the saver show the same");
        return;
    };
    agent.run(&["set", "before", "1"]).ok();
    let rival = Path::new("/proc").join(agent.pid().to_string()).join(format!("root{}/rival", site.arg("data")));
    let mut file = std::fs::File::create(&rival).expect("the agent's disk can be reached");
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    for args in [&["set", "after", "2"][..], &["set", "--own", "after", "2"], &["delete", "before"]] {
        agent.run(args).refused(1, &["nothing was written", "is full", "make room", "reads go on"]);
    }
    let disk = agent.ask(&["info"])["disk"].clone();
    assert!(
        disk["refusing"] == true && disk["last_error"].as_str().is_some_and(|why| why.contains("is full")),
        "{disk}"
    );
    assert_eq!(agent.run(&["get", "before"]).ok().stdout, "1\n");
    agent.run(&["get", "after"]).refused(1, &["no key"]);
    std::fs::remove_file(&rival).expect("the file is there");
    let deadline = Instant::now() + PATIENCE;
    while agent.run(&["set", "after", "2"]).code != 0 {
        assert!(Instant::now() < deadline, "writes are still refused: {}", agent.log());
    }
    assert_eq!(agent.run(&["get", "after"]).ok().stdout, "2\n");
}

#[test]
fn a_damaged_journal_is_refused_by_file_and_left_as_it_is() {
    let site = Site::new();
    let agent = start(&site);
    agent.run(&["set", "k", "v"]).ok();
    agent.kill();
    for name in ["journal.redb", "journal.mark"] {
        let file = site.path("data").join(name);
        let good = std::fs::read(&file).unwrap();
        for bad in [Vec::new(), good[..good.len() / 2].to_vec(), b"garbage".to_vec()] {
            std::fs::write(&file, &bad).unwrap();
            let ended = site.agent_that_fails("a", &["--data-dir", &site.arg("data")]);
            ended.refused(1, &[&file.display().to_string(), "damaged", "hint"]);
            assert!(std::fs::read(&file).unwrap() == bad, "the evidence was changed");
        }
        std::fs::write(&file, &good).unwrap();
    }
    assert_eq!(start(&site).run(&["get", "k"]).ok().stdout, "v\n");
}
