use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

const EXAMPLES: &str = "\
Examples:
  gossip agent                                          a member on this machine, 127.0.0.1:7946
  gossip agent --bind 0.0.0.0 --join seed.example.net   in a network; the port is 7946 unless written
  gossip agent --name web-1 --tag role=web --data-dir /var/lib/gossip --join 10.0.0.5:7946
  gossip agent --config gossip.toml --cluster staging --json
  gossip agent --on-event member=/etc/gossip/on-member --on-event 'message=logger -t gossip'
  gossip agent --on-query 'load=cat /proc/loadavg' --on-query 'df=df -h'

Once the agent is ready it prints one line with its address and its socket on standard output; logs go to standard
error. SIGTERM, SIGINT and `gossip leave` make it leave the cluster gracefully and end with exit code 0; a second
signal ends it at once. SIGHUP makes it read --config again: `gossip config check FILE` says what that changes.

Handlers of events (--on-event) and queries (--on-query) find GOSSIP_EVENT (the kind, or query), GOSSIP_NAME (this member) and GOSSIP_SOCKET in their
environment; what they write to standard error goes to the agent's log. Unless the configuration says otherwise four
run at a time, 256 events wait, and a handler that runs for longer than 30 seconds is killed; `gossip info` counts how
they end and what was dropped.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AgentArgs {
    /// Address to listen on, IP or IP:PORT; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7946")]
    pub(crate) bind: String,
    /// Address that others reach this member at, IP or IP:PORT. Default: the bound address; with an unspecified one such as
    /// 0.0.0.0 the local address of the route to the first contact
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<String>,
    /// A member to join through, HOST or HOST:PORT; names are resolved. Repeatable: one that answers is enough
    #[arg(long, value_name = "CONTACT")]
    pub(crate) join: Vec<String>,
    /// The cluster's label: packets of other clusters are refused and counted
    #[arg(long, value_name = "LABEL")]
    pub(crate) cluster: Option<String>,
    /// This member's name, unique in the cluster. Default: the one in the data folder, else host name and a suffix
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A tag that all members see, KEY=VALUE. Repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    /// Do without TCP: everything goes in UDP datagrams, which other members put up with
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// TOML file with the fields that `gossip config default` prints
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder that keeps identity, generation, keys and member list across restarts; one agent per folder. A write of an
    /// own key is on disk before it is answered, everything else within a second
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A command to run when something happens, CMD or KIND=CMD or KIND,KIND=CMD: the shell runs it with the event as one
    /// line of JSON on standard input. Without KIND on every event but key, message and
    /// reload. Repeatable
    #[arg(long, value_name = "[KIND=]CMD")]
    pub(crate) on_event: Vec<String>,
    /// A command that answers the queries of a name, NAME=CMD: the shell runs it with the query's data on standard input, and
    /// what it writes to standard output is the answer. Repeatable, each name once
    #[arg(long, value_name = "NAME=CMD")]
    pub(crate) on_query: Vec<String>,
    /// Answer HTTP at this address too, IP or IP:PORT: what the socket answers, /metrics for Prometheus, /openapi.json. Only an
    /// address of the loopback device; the port is 7980 unless written, 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// Let --http listen at any address: whoever reaches it can read and write everything and stop the agent
    #[arg(long)]
    pub(crate) http_allow_remote: bool,
    /// The least severe messages to log. Default: info
    #[arg(long, value_name = "LEVEL", env = "GOSSIP_LOG", hide_env_values = true)]
    pub(crate) log: Option<LogLevel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
