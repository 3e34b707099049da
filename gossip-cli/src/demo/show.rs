//! The phases as they run: bars on a terminal, lines elsewhere; on standard error, which no script reads.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::checks::Progress;
use super::report::PhaseReport;

/// What is on the screen.
pub(super) struct Show {
    /// On a terminal: all bars, and the one of the phase that runs.
    bars: Option<(MultiProgress, ProgressBar)>,
}

impl Show {
    pub(super) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let bars = || (MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15)), ProgressBar::hidden());
        Self { bars: terminal.then(bars) }
    }

    pub(super) fn begin(&mut self, name: &'static str) {
        if let Some((all, current)) = &mut self.bars {
            *current = all.add(ProgressBar::new(1).with_style(style()).with_prefix(name));
            current.enable_steady_tick(Duration::from_millis(100));
        }
    }

    pub(super) fn progress(&self, progress: &Progress) {
        if let Some((_, current)) = &self.bars {
            current.set_length(progress.total as u64);
            current.set_position(progress.done as u64);
            current.set_message(progress.missing.first().cloned().unwrap_or_default());
        }
    }

    pub(super) fn end(&self, phase: &PhaseReport) {
        match &self.bars {
            Some((_, current)) if phase.complete() => current.finish_with_message("done"),
            Some((_, current)) => current.abandon(),
            None => {
                let (name, seconds) = (phase.name, phase.seconds);
                let result = if phase.complete() { "done" } else { "not done" };
                // Who closed standard error does not want to know.
                let _ = writeln!(io::stderr(), "{name}: {result}, {} of {}, {seconds:.2} s", phase.done, phase.total);
            }
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{prefix:>10} {bar:30.cyan/blue} {pos:>6}/{len:<6} {elapsed:>4} {wide_msg:.dim}";
    // The template is a constant; should it ever be wrong, the default is as good.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
