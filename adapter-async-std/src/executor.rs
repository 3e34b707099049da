//! The thread that runs nodes where the application names no executor.

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::{future, io, thread};

use async_executor::Executor;
use gossip_udp::runtime::Work;

static EXECUTOR: Executor<'static> = Executor::new();

/// Starts the thread, if it does not run yet.
pub(crate) fn start() -> io::Result<()> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    // Nothing panics while it is held.
    let mut started = STARTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !*started {
        thread::Builder::new().name("gossip".to_owned()).spawn(run)?;
        *started = true;
    }
    Ok(())
}

pub(crate) fn spawn(work: Work) {
    EXECUTOR.spawn(work).detach();
}

fn run() {
    // A task that panics is gone; the others go on.
    while catch_unwind(|| async_io::block_on(EXECUTOR.run(future::pending::<()>()))).is_err() {}
}
