//! Faults and load as data: a TOML file, read strictly.

mod document;
mod error;
mod read;
mod read_event;
mod read_fault;
mod reader;
mod shorten;
pub(crate) mod spec;
mod units;

use std::time::Duration;

use document::Document;
pub use error::ScenarioError;
pub(crate) use error::suggestion;
pub(crate) use spec::Spec;

/// One cluster, its network, and what happens to them.
///
/// ```
/// use gossip_sim::Scenario;
/// let text = r#"
///     name = "two"
///     nodes = 2
///     duration = "10s"
///     [network]
///     latency = { fixed = "10ms" }
/// "#;
/// let mut scenario = Scenario::parse(text, "two.toml")?;
/// scenario.set("network.loss", "0.1")?;
/// let error = scenario.set("network.latncy", "5ms").unwrap_err();
/// assert!(error.to_string().contains("did you mean `latency`"));
/// # Ok::<(), gossip_sim::ScenarioError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    document: Document,
    pub(crate) spec: Spec,
}

impl Scenario {
    /// Reads a scenario. `file` is its name in messages.
    ///
    /// # Errors
    /// Whatever is unknown, impossible, contradictory or not built yet, with its line and key.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        let document = Document::parse(text, file)?;
        let spec = read::read(&document)?;
        Ok(Self { document, spec })
    }

    /// Sets one value over the file, as in `--set network.loss=0.1`: `path` is a dotted TOML key, in which a number
    /// indexes an array (`event.0.at`) and a key with dots stands in quotes (`config."membership.fanout"`, though
    /// `config.membership.fanout` does the same); `value` is TOML, or a string without its quotes.
    ///
    /// # Errors
    /// As for [`Scenario::parse`]; the scenario is then unchanged.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), ScenarioError> {
        self.set_all([(path, value)])
    }

    /// Sets several values at once, so that each may need the others: fewer nodes and other contacts, for example.
    ///
    /// # Errors
    /// As for [`Scenario::parse`]; the scenario is then unchanged.
    pub fn set_all<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ScenarioError> {
        let mut document = self.document.clone();
        for (path, value) in values {
            document.set(path, value)?;
        }
        self.spec = read::read(&document)?;
        self.document = document;
        Ok(())
    }

    /// The same course of events with at most 32 nodes in at most 60 virtual seconds: a quick look whether a scenario
    /// runs at all. Its figures say nothing about the original's.
    #[must_use]
    pub fn shortened(&self) -> Self {
        Self { document: self.document.clone(), spec: shorten::shortened(&self.spec) }
    }

    /// The same with nodes that lack these safeguards.
    #[cfg(feature = "ablation")]
    #[doc(hidden)]
    #[must_use]
    pub fn without(&self, safeguards: &'static [gossip_core::config::Safeguard]) -> Self {
        let mut ablated = self.clone();
        ablated.spec.config.without = safeguards;
        ablated
    }

    /// The scenario's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.spec.nodes
    }

    /// How long it runs, in virtual time.
    pub fn duration(&self) -> Duration {
        self.spec.duration
    }
}
