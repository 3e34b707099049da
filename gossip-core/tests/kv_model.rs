//! What three members write, split apart and together again, against a model of a few lines: of each key there is in the
//! end what was written and not replaced or deleted by somebody who saw it.

#![cfg(feature = "values")]

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster::Cluster;
use gossip_core::Config;
use gossip_core::kv::{Content, Pen, Scope, Typed};
use proptest::prelude::*;

const NODES: u64 = 3;
const SHARED: Scope = Scope::Shared;

#[derive(Clone, Debug)]
enum Step {
    Set {
        at: u64,
        key: u8,
    },
    Delete {
        at: u64,
        key: u8,
    },
    Count {
        at: u64,
        amount: i8,
    },
    /// Who is alone from now on; nobody: all are together.
    Split(u64),
    /// This share of packets is lost from now on, and this one comes twice.
    Weather(u8),
    Wait(u16),
    /// From a snapshot of this moment, or an older one.
    Restart {
        at: u64,
        old: bool,
    },
    Snapshot {
        at: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 1..=NODES;
    let key = 0..3_u8;
    prop_oneof![
        4 => (at.clone(), key.clone()).prop_map(|(at, key)| Step::Set { at, key }),
        3 => (at.clone(), key).prop_map(|(at, key)| Step::Delete { at, key }),
        2 => (at.clone(), any::<i8>()).prop_map(|(at, amount)| Step::Count { at, amount }),
        2 => (0..=NODES).prop_map(Step::Split),
        1 => (0..3_u8).prop_map(Step::Weather),
        4 => (1..3000_u16).prop_map(Step::Wait),
        1 => (at.clone(), any::<bool>()).prop_map(|(at, old)| Step::Restart { at, old }),
        1 => at.prop_map(|at| Step::Snapshot { at }),
    ]
}

/// What was written, and what of it somebody who saw it replaced or deleted.
#[derive(Default)]
struct Model {
    written: BTreeMap<u8, BTreeSet<Vec<u8>>>,
    outlived: BTreeSet<Vec<u8>>,
    count: i128,
    next: u32,
}

impl Model {
    fn new_value(&mut self) -> Vec<u8> {
        self.next += 1;
        self.next.to_be_bytes().to_vec()
    }

    fn left(&self, key: u8) -> BTreeSet<Vec<u8>> {
        let written = self.written.get(&key).into_iter().flatten();
        written.filter(|value| !self.outlived.contains(*value)).cloned().collect()
    }
}

struct Run {
    cluster: Cluster,
    model: Model,
    snapshots: BTreeMap<u64, Vec<u8>>,
    life: u64,
}

fn seen(cluster: &Cluster, at: u64, key: u8) -> BTreeSet<Vec<u8>> {
    cluster.nodes[&at].kv().siblings(SHARED, &[key]).into_iter().map(|(_, value)| value).collect()
}

fn counted(cluster: &Cluster, at: u64) -> i128 {
    let content = cluster.nodes[&at].kv().content(SHARED, b"count").unwrap_or_default();
    content
        .kinds()
        .find_map(|typed| match typed {
            Typed::Counter(counter) => Some(counter.get()),
            _ => None,
        })
        .unwrap_or(0)
}

impl Run {
    fn step(&mut self, step: &Step) {
        let Self { cluster, model, .. } = self;
        let now = cluster.now;
        match *step {
            Step::Set { at, key } => {
                let value = model.new_value();
                model.outlived.extend(seen(cluster, at, key));
                cluster.node(at).kv_mut(now).set(SHARED, &[key], &value).unwrap();
                model.written.entry(key).or_default().insert(value);
            }
            Step::Delete { at, key } => {
                let before = seen(cluster, at, key);
                if cluster.node(at).kv_mut(now).delete(SHARED, &[key]).is_ok() {
                    model.outlived.extend(before);
                }
            }
            Step::Count { at, amount } => {
                let count = |content: &mut Content, pen: &mut Pen<'_>| content.counter().add(pen, amount.into());
                cluster.node(at).kv_mut(now).update(SHARED, b"count", count).unwrap();
                model.count += i128::from(amount);
            }
            Step::Split(alone) => {
                cluster.cut = [
                    |_, _| false,
                    |a, b| (a == 1) != (b == 1),
                    |a, b| (a == 2) != (b == 2),
                    |a, b| (a == 3) != (b == 3),
                ][alone as usize];
            }
            Step::Weather(kind) => {
                cluster.lost = [|_| false, |packet| packet % 4 == 0, |packet| packet % 3 != 0][usize::from(kind)];
            }
            Step::Wait(ms) => cluster.run_for(Duration::from_millis(ms.into())),
            Step::Snapshot { at } => _ = self.snapshots.insert(at, cluster.nodes[&at].snapshot().to_vec()),
            Step::Restart { at, old } => self.restart(at, old),
        }
    }

    /// What only the node that restarts from an old snapshot knew would be gone: so it tells it first.
    fn restart(&mut self, at: u64, old: bool) {
        let old = self.snapshots.get(&at).filter(|_| old).cloned();
        if old.is_some() {
            self.settle();
        }
        let snapshot = old.unwrap_or_else(|| self.cluster.nodes[&at].snapshot().to_vec());
        self.life += 1;
        self.cluster.crash(at);
        self.cluster.start(at, self.life, Config::lan());
        let now = self.cluster.now;
        self.cluster.node(at).restore(now, &snapshot).unwrap();
        let contact = at % NODES + 1;
        self.cluster.node(at).join(now, contact).unwrap();
    }

    fn settle(&mut self) {
        let (cut, lost) = (self.cluster.cut, self.cluster.lost);
        (self.cluster.cut, self.cluster.lost) = (|_, _| false, |_| false);
        self.cluster.until(120, "all hold the same", Cluster::is_same);
        (self.cluster.cut, self.cluster.lost) = (cut, lost);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_that_was_written_and_not_outlived_is_there_in_the_end_and_nothing_else(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let cluster = Cluster::joined(NODES, &Config::lan());
        let mut run = Run { cluster, model: Model::default(), snapshots: BTreeMap::new(), life: 1 };
        steps.iter().for_each(|step| run.step(step));
        run.settle();
        for at in 1..=NODES {
            for key in 0..3 {
                prop_assert_eq!(seen(&run.cluster, at, key), run.model.left(key), "key {} at {}", key, at);
            }
            prop_assert_eq!(counted(&run.cluster, at), run.model.count, "at {}", at);
        }
    }
}
