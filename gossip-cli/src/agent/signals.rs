//! The signals that ask the agent to end, and the one that asks it to read its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The signal that a daemon reads its configuration again on.
pub(crate) fn hangup() -> Result<Signal, Failure> {
    listen(SignalKind::hangup())
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}")))
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one and says which it was.
    pub(crate) async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
