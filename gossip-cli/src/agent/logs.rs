//! Logs go to standard error; standard output belongs to answers.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

use crate::args::LogLevel;

/// Changes how much is logged.
pub(super) struct Control(reload::Handle<LevelFilter, Registry>);

pub(super) fn init(level: LogLevel) -> Control {
    let (filter, handle) = reload::Layer::new(filter(level));
    let format = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_target(false);
    // A second subscriber in one process is only possible in tests.
    let _ = tracing_subscriber::registry().with(filter).with(format).try_init();
    Control(handle)
}

impl Control {
    pub(super) fn set(&self, level: LogLevel) {
        // It fails only without a subscriber, and then nothing is logged anyway.
        let _ = self.0.reload(filter(level));
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
