//! What the demonstration measured.

use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output;

/// The phases so far.
#[derive(Debug)]
pub(super) struct Report {
    nodes: usize,
    entries: usize,
    entry_bytes: usize,
    pub(super) phases: Vec<PhaseReport>,
}

/// One phase.
#[derive(Debug)]
pub(super) struct PhaseReport {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// UDP payload that all members sent meanwhile.
    pub(super) bytes: u64,
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) missing: Vec<String>,
}

/// The phases of a run that reaches its end.
const PHASES: usize = 6;

impl Report {
    pub(super) fn new(nodes: usize, entries: usize, entry_bytes: usize) -> Self {
        Self { nodes, entries, entry_bytes, phases: Vec::new() }
    }

    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(&self.to_json());
        }
        output::line(&format!("{} members, {} entries of {} bytes", self.nodes, self.entries, self.entry_bytes))?;
        let rows: Vec<Vec<String>> = self.phases.iter().map(|phase| self.row(phase)).collect();
        let header = ["PHASE", "RESULT", "SECONDS", "BYTES", "BYTES/MEMBER"];
        output::table(&header, &["SECONDS", "BYTES", "BYTES/MEMBER"], &rows)
    }

    fn complete(&self) -> bool {
        self.phases.len() == PHASES && self.phases.iter().all(PhaseReport::complete)
    }

    fn seconds(&self) -> f64 {
        self.phases.iter().map(|phase| phase.seconds).sum()
    }

    fn to_json(&self) -> Value {
        let phases: Vec<Value> = self.phases.iter().map(|phase| phase.to_json(self.nodes)).collect();
        json!({
            "ok": self.complete(),
            "nodes": self.nodes,
            "entries": self.entries,
            "entry_bytes": self.entry_bytes,
            "seconds": rounded(self.seconds()),
            "phases": phases,
        })
    }

    fn row(&self, phase: &PhaseReport) -> Vec<String> {
        let result = if phase.complete() { "done".into() } else { format!("{} of {}", phase.done, phase.total) };
        let per_member = phase.bytes / self.nodes as u64;
        vec![
            phase.name.to_string(),
            result,
            format!("{:.2}", phase.seconds),
            phase.bytes.to_string(),
            per_member.to_string(),
        ]
    }
}

impl PhaseReport {
    pub(super) fn complete(&self) -> bool {
        self.done == self.total
    }

    fn to_json(&self, nodes: usize) -> Value {
        json!({
            "phase": self.name,
            "ok": self.complete(),
            "seconds": rounded(self.seconds),
            "bytes": self.bytes,
            "bytes_per_node": self.bytes / nodes as u64,
            "missing": self.missing,
        })
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(done: usize) -> PhaseReport {
        PhaseReport { name: "join", seconds: 1.23456, bytes: 640, done, total: 4, missing: Vec::new() }
    }

    #[test]
    fn a_run_is_ok_only_if_every_phase_reached_its_end() {
        let mut report = Report::new(32, 100, 1000);
        report.phases = (0..PHASES).map(|_| phase(4)).collect();
        assert_eq!(report.to_json()["ok"], true);
        report.phases[5].done = 3;
        assert_eq!(report.to_json()["ok"], false);
        report.phases.pop();
        assert_eq!(report.to_json()["ok"], false, "a phase is missing");
    }

    #[test]
    fn a_phase_tells_seconds_and_bytes() {
        let json = phase(4).to_json(32);
        assert_eq!((&json["seconds"], &json["bytes_per_node"]), (&json!(1.235), &json!(20)));
    }
}
