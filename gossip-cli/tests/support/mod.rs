//! Runs the real binary: agents as processes, commands against them, waiting by what they tell.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod client;
mod http;
pub(crate) mod relay;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test fails: far more than it does take, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A number from the environment, by which the long form of a test is asked for.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The command must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The command must have failed with this code and with these words on standard error, none on standard output.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Runs `gossip` with these arguments to its end.
pub(crate) fn gossip(args: &[&str]) -> Ended {
    gossip_with_input(args, "")
}

/// Runs `gossip` with this on its standard input.
pub(crate) fn gossip_with_input(args: &[&str], input: &str) -> Ended {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that does not read its input may have ended.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs `gossip` with a standard output that nobody reads.
pub(crate) fn gossip_without_reader(args: &[&str]) -> Ended {
    let (reader, writer) = std::io::pipe().expect("pipes can be made");
    drop(reader);
    let output = command(args).stdout(writer).stderr(Stdio::piped()).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code().unwrap_or(-1), stdout: String::new(), stderr }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
    command.args(args).env_remove("GOSSIP_SOCKET").env_remove("GOSSIP_LOG");
    command
}

/// A folder for sockets, configuration and logs of the agents of one test.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("gossip.toml"), "preset = \"local\"\n").expect("the folder is writable");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path as an argument.
    pub(crate) fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file and returns its path as an argument.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("the folder is writable");
        self.arg(name)
    }

    /// Arguments of an agent at its own socket, on a free port of the loopback device, with timings for one machine.
    pub(crate) fn agent_args(&self, name: &str, more: &[&str]) -> Vec<String> {
        let (socket, config) = (self.arg(&format!("{name}.sock")), self.arg("gossip.toml"));
        let fixed = ["--json", "agent", "--socket", &socket, "--config", &config, "--name", name];
        let mut args: Vec<String> = fixed.iter().chain(more).map(ToString::to_string).collect();
        if !more.contains(&"--bind") {
            args.extend(["--bind".into(), "127.0.0.1:0".into()]);
        }
        args
    }

    /// Starts an agent and waits until it is ready.
    pub(crate) fn start(&self, name: &str, more: &[&str]) -> Agent {
        Agent::start(self, name, more)
    }

    /// Starts an agent that names itself; `socket` is the name of its socket.
    pub(crate) fn start_unnamed(&self, socket: &str) -> Agent {
        let mut args = self.agent_args(socket, &[]);
        let name = args.iter().position(|arg| arg == "--name").expect("agents are named");
        args.drain(name..name + 2);
        Agent::spawn(self, socket, &args)
    }

    /// Runs an agent that must not even become ready.
    pub(crate) fn agent_that_fails(&self, name: &str, more: &[&str]) -> Ended {
        let args = self.agent_args(name, more);
        gossip(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) ready: Value,
    socket: String,
    log: PathBuf,
    child: Child,
}

impl Agent {
    fn start(site: &Site, name: &str, more: &[&str]) -> Self {
        Self::spawn(site, name, &site.agent_args(name, more))
    }

    fn spawn(site: &Site, name: &str, args: &[String]) -> Self {
        Self::launch(site, name, command(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Starts an agent through another program, which must become the agent.
    pub(crate) fn spawn_by(site: &Site, name: &str, program: &[&str], args: &[String]) -> Self {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(env!("CARGO_BIN_EXE_gossip")).args(args);
        Self::launch(site, name, command)
    }

    fn launch(site: &Site, name: &str, mut command: Command) -> Self {
        let log = site.path(&format!("{name}.log"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the folder is writable"))
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("standard output is text");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("{name} is not ready: {error} in {line:?}; {}", std::fs::read_to_string(&log).unwrap_or_default())
        });
        Self { name: name.into(), ready, socket: site.arg(&format!("{name}.sock")), log, child }
    }

    pub(crate) fn addr(&self) -> &str {
        self.ready["addr"].as_str().expect("the ready line names the address")
    }

    pub(crate) fn generation(&self) -> u64 {
        self.ready["generation"].as_u64().expect("the ready line names the generation")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs a client command against this agent.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with_input(args, "")
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        gossip_with_input(&[&["--socket", &self.socket], args].concat(), input)
    }

    /// The answer of a client command, which must succeed, as JSON.
    #[track_caller]
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        self.run(&[&["--json"], args].concat()).ok().json()
    }

    /// The row of a member in this agent's table, if it is there in any status.
    pub(crate) fn sees(&self, name: &str) -> Option<Value> {
        let answer = self.ask(&["members", "--all", "--name", name]);
        answer["members"].as_array().and_then(|members| members.first().cloned())
    }

    /// The status of a member in this agent's table.
    pub(crate) fn status_of(&self, name: &str) -> Option<String> {
        self.sees(name).and_then(|member| member["status"].as_str().map(ToString::to_string))
    }

    /// Starts a command of this agent that prints line by line.
    pub(crate) fn stream(&self, args: &[&str]) -> Lines {
        Lines::new(command(&[&["--socket", &self.socket, "--json"], args].concat()))
    }

    /// Starts a command of this agent that prints text line by line.
    pub(crate) fn stream_of_text(&self, args: &[&str]) -> TextLines {
        TextLines::new(command(&[&["--socket", &self.socket], args].concat()))
    }

    /// Waits until the question has an answer, asking again whenever something happened at this agent.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut question: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let events = self.stream(&["events"]);
        loop {
            // The stream's first line says that it has begun: nothing between question and line is missed.
            let happened = events.next_before(deadline);
            if let Some(answer) = question(self) {
                return answer;
            }
            assert!(happened.is_some(), "{}: {what} did not come true; log:\n{}", self.name, self.log());
        }
    }

    /// Waits until the question has an answer, for what no event tells. Each question starts a process, which keeps the
    /// loop from spinning.
    #[track_caller]
    pub(crate) fn poll<T>(&self, what: &str, mut question: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = question(self) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{}: {what} did not come true; log:\n{}", self.name, self.log());
        }
    }

    /// Waits until this agent holds all of them alive.
    #[track_caller]
    pub(crate) fn wait_for_alive(&self, names: &[&str]) {
        self.wait(&format!("{names:?} alive"), |agent| {
            names.iter().all(|name| agent.status_of(name).as_deref() == Some("alive")).then_some(())
        });
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends a signal that can be handled.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for the process to end by itself.
    pub(crate) fn ended(&mut self) -> i32 {
        self.child.wait().expect("the process ends").code().unwrap_or(-1)
    }

    /// Ends the process as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The JSON lines that a command prints.
pub(crate) struct Lines(TextLines);

/// The lines that a command prints, read by a thread so that waiting can end.
pub(crate) struct TextLines {
    child: Child,
    lines: Receiver<String>,
}

impl TextLines {
    fn new(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn next_before(&self, deadline: Instant) -> Option<String> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// The next line.
    #[track_caller]
    pub(crate) fn next_line(&self) -> String {
        self.next_before(Instant::now() + PATIENCE).expect("a line")
    }
}

impl Lines {
    fn new(command: Command) -> Self {
        Self(TextLines::new(command))
    }

    /// Sends a signal to the command.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0.child), signal).expect("it runs");
    }

    /// Waits for the command to end by itself.
    pub(crate) fn ended(mut self) -> i32 {
        self.0.child.wait().expect("the command ends").code().unwrap_or(-1)
    }

    /// The next line, unless the deadline comes first.
    pub(crate) fn next_before(&self, deadline: Instant) -> Option<Value> {
        let line = self.0.next_before(deadline)?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}")))
    }

    /// The next line of which this holds.
    #[track_caller]
    pub(crate) fn next(&self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.next_before(deadline).unwrap_or_else(|| panic!("{what} did not come"));
            if matches(&line) {
                return line;
            }
        }
    }
}

impl Drop for TextLines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The catalogue to share: the built-in sample, or the file that `GOSSIP_CATALOGUE` names.
pub(crate) fn catalogue() -> PathBuf {
    match std::env::var_os("GOSSIP_CATALOGUE") {
        Some(file) => file.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalogue.json"),
    }
}

/// What an export must be after the import of this file, keyed by `name` if it is an array.
pub(crate) fn expected_export(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).expect("the catalogue can be read");
    match serde_json::from_str(&text).expect("the catalogue is JSON") {
        Value::Array(elements) => {
            let named = |element: Value| (element["name"].as_str().expect("a name").to_string(), element);
            Value::Object(elements.into_iter().map(named).collect())
        }
        other => other,
    }
}
