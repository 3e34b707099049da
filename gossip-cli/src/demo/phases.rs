//! What the demonstration does, phase by phase; each waits until all members agree, for a limited time.

use std::time::Duration;

use gossip_core::kv::Scope;
use tokio::time::{Instant, sleep, sleep_until};

use super::checks::{self, Holdings, Progress};
use super::fleet::Fleet;
use super::report::{PhaseReport, Report};
use super::show::Show;
use crate::catalogue::Entry;
use crate::exit::Failure;

/// How many entries are deleted again.
pub(super) const DELETED: usize = 10;
/// How many members are killed.
const KILLED: usize = 3;
/// Events come in bursts: after one, so much time passes before the members are looked at again.
const SETTLE: Duration = Duration::from_millis(10);
/// The limits below are for so many members; more get more time.
const REFERENCE_NODES: usize = 32;

/// A running demonstration.
pub(super) struct Demo {
    fleet: Fleet,
    catalogue: Vec<Entry>,
    show: Show,
    pub(super) report: Report,
}

/// A phase that has begun.
struct Begun {
    name: &'static str,
    since: Instant,
    bytes_before: u64,
    limit: Duration,
}

impl Demo {
    pub(super) async fn start(nodes: usize, catalogue: Vec<Entry>, show: Show) -> Result<Self, Failure> {
        let bytes = catalogue.iter().map(|(key, value)| key.len() + value.len()).sum();
        let report = Report::new(nodes, catalogue.len(), bytes);
        Ok(Self { fleet: Fleet::start(nodes).await?, catalogue, show, report })
    }

    /// All phases; the limits of 32 members add up to 60 seconds.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        self.join().await?;
        self.import().await?;
        self.broadcast().await?;
        self.delete().await?;
        let victims = self.kill().await?;
        self.revive(&victims).await
    }

    async fn join(&mut self) -> Result<(), Failure> {
        let begun = self.begin("join", 10);
        for index in 1..self.fleet.members.len() {
            self.fleet.join(index, 0)?;
        }
        self.wait(begun, checks::all_alive).await
    }

    async fn import(&mut self) -> Result<(), Failure> {
        let begun = self.begin("import", 12);
        let entries = self.catalogue.clone();
        for (key, value) in &entries {
            self.write(0, |handle| handle.set(Scope::Shared, key.as_bytes(), value.as_bytes()).map(drop), key)?;
        }
        let mut holdings = Holdings::default();
        self.wait(begun, move |fleet| holdings.all_held(fleet, &entries)).await
    }

    async fn broadcast(&mut self) -> Result<(), Failure> {
        let begun = self.begin("broadcast", 5);
        let sender = self.fleet.members.len() - 1;
        let handle = self.fleet.members[sender].handle().ok_or_else(|| Failure::failed("the sender does not run"))?;
        let message = handle
            .publish(b"demo", "hello, everybody".as_bytes())
            .map_err(|error| Failure::failed(format!("cannot broadcast: {error}")))?;
        self.wait(begun, move |fleet| checks::all_delivered(fleet, sender, message)).await
    }

    async fn delete(&mut self) -> Result<(), Failure> {
        let begun = self.begin("delete", 5);
        // Spread over the catalogue, each on another member: not the one that wrote it.
        let step = self.catalogue.len() / DELETED;
        let gone: Vec<Entry> = self.catalogue.iter().step_by(step).take(DELETED).cloned().collect();
        self.catalogue.retain(|entry| !gone.contains(entry));
        let others = self.fleet.members.len() - 1;
        for (index, (key, _)) in gone.iter().enumerate() {
            self.write(1 + index % others, |handle| handle.delete(Scope::Shared, key.as_bytes()).map(drop), key)?;
        }
        self.wait(begun, move |fleet| checks::all_gone(fleet, &gone)).await
    }

    async fn kill(&mut self) -> Result<Vec<usize>, Failure> {
        let begun = self.begin("crash", 18);
        let nodes = self.fleet.members.len();
        let victims: Vec<usize> = (1..=KILLED).map(|which| which * (nodes - 1) / (KILLED + 1) + 1).collect();
        for victim in &victims {
            self.fleet.kill(*victim).await;
        }
        let killed = victims.clone();
        self.wait(begun, move |fleet| checks::all_down(fleet, &killed)).await?;
        Ok(victims)
    }

    async fn revive(&mut self, victims: &[usize]) -> Result<(), Failure> {
        let begun = self.begin("return", 10);
        for victim in victims {
            self.fleet.revive(*victim).await?;
            self.fleet.join(*victim, 0)?;
        }
        let (entries, mut holdings) = (self.catalogue.clone(), Holdings::default());
        let check = move |fleet: &Fleet| checks::all_alive(fleet).and(holdings.all_held(fleet, &entries));
        self.wait(begun, check).await
    }

    fn write(
        &self,
        index: usize,
        write: impl FnOnce(&gossip_handle::Handle<std::net::SocketAddr>) -> Result<(), gossip_core::kv::KvError>,
        key: &str,
    ) -> Result<(), Failure> {
        let member = &self.fleet.members[index];
        let handle = member.handle().ok_or_else(|| Failure::failed(format!("{} does not run", member.name)))?;
        write(handle).map_err(|error| Failure::input(format!("{}: the key {key:?}: {error}", member.name)))
    }

    fn begin(&mut self, name: &'static str, seconds: u64) -> Begun {
        let scale = self.fleet.members.len().div_ceil(REFERENCE_NODES).max(1);
        let limit = Duration::from_secs(seconds) * u32::try_from(scale).unwrap_or(1);
        self.show.begin(name);
        Begun { name, since: Instant::now(), bytes_before: self.fleet.bytes_sent(), limit }
    }

    /// Waits until everything holds that the phase is about, looking whenever any member told of a change.
    async fn wait(&mut self, begun: Begun, mut check: impl FnMut(&Fleet) -> Progress) -> Result<(), Failure> {
        let deadline = begun.since + begun.limit;
        loop {
            self.fleet.changed.mark_unchanged();
            let progress = check(&self.fleet);
            self.show.progress(&progress);
            if progress.complete() || Instant::now() >= deadline {
                return self.end(&begun, &progress);
            }
            let settled = async {
                // The fleet holds the other end itself, so this only returns when there is something new.
                if self.fleet.changed.changed().await.is_ok() {
                    sleep(SETTLE).await;
                }
            };
            tokio::select! {
                () = settled => {}
                () = sleep_until(deadline) => {}
            }
        }
    }

    fn end(&mut self, begun: &Begun, progress: &Progress) -> Result<(), Failure> {
        let phase = PhaseReport {
            name: begun.name,
            seconds: begun.since.elapsed().as_secs_f64(),
            bytes: self.fleet.bytes_sent() - begun.bytes_before,
            done: progress.done,
            total: progress.total,
            missing: progress.missing.clone(),
        };
        self.show.end(&phase);
        self.report.phases.push(phase);
        if progress.complete() {
            return Ok(());
        }
        let (name, limit) = (begun.name, begun.limit.as_secs());
        Err(Failure::failed(format!("phase `{name}` did not reach its end in {limit} s: {}", named(&progress.missing)))
            .hint("a machine that is busy with something else may need fewer --nodes"))
    }
}

/// The first few, and how many more.
fn named(missing: &[String]) -> String {
    const SHOWN: usize = 8;
    let first = missing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match missing.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_what_is_missing_is_cut() {
        let missing: Vec<String> = (0..10).map(|i| format!("n{i}")).collect();
        assert!(named(&missing).ends_with("n7; and 2 more"));
        assert_eq!(named(&missing[..1]), "n0");
    }
}
