//! An address that goes away and comes back, in a network namespace of its own, where the system gives one to anybody.
#![cfg(target_os = "linux")]

use std::env;
use std::process::{Command, Stdio};

use gossip_adapter_tokio_udp::bind;
use gossip_core::Status;
use gossip_core::kv::Scope;

use crate::support::{join, live, options, status, until, until_counted};

/// Set for the process that runs inside the namespace.
const INSIDE: &str = "GOSSIP_TEST_NAMESPACE";

fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status().unwrap();
    assert!(status.success(), "ip {args}: {status}");
}

#[test]
fn an_address_that_goes_away_and_comes_back_needs_no_restart() {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(goes_away_and_comes_back());
    }
    let probe =
        Command::new("unshare").args(["-rn", "ip", "link"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no network namespace to be had");
        return;
    }
    let test = "interface::an_address_that_goes_away_and_comes_back_needs_no_restart";
    let this = env::current_exe().unwrap();
    let output =
        Command::new("unshare").arg("-rn").arg(this).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn goes_away_and_comes_back() {
    ip("link set lo up");
    ip("addr add 10.9.0.1/32 dev lo");
    ip("addr add 10.9.0.2/32 dev lo");
    let stays = bind("10.9.0.1:0".parse().unwrap(), options("stays", 1)).await.unwrap();
    let goes = bind("10.9.0.2:0".parse().unwrap(), options("goes", 1)).await.unwrap();
    join(&goes, &stays).await;
    until(stays.handle(), "both are there", |cluster| live(cluster) == 2).await;

    ip("addr del 10.9.0.2/32 dev lo");
    until(stays.handle(), "it is down", |cluster| status(cluster, "goes") == Some(Status::Down)).await;
    until_counted(goes.handle(), "errors are counted", |cluster| cluster.transport().datagrams_unsent > 0).await;
    assert!(!goes.handle().is_closed());

    ip("addr add 10.9.0.2/32 dev lo");
    until(stays.handle(), "it is back", |cluster| status(cluster, "goes") == Some(Status::Alive)).await;
    goes.handle().set(Scope::Shared, b"k", b"v").unwrap();
    until(stays.handle(), "the key is there", |cluster| cluster.get(Scope::Shared, b"k").is_some()).await;
}
