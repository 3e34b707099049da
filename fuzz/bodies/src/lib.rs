//! The bodies of the fuzz targets: each takes any bytes, and panics if something that must hold does not. The targets are
//! in `fuzz/targets`, the inputs that are replayed by `cargo test` in `fuzz/corpus`; `fuzz/README.md` says how to run them.
#![warn(missing_docs)]

mod choices;
mod config;
mod crdt;
mod decode;
mod frames;
mod identity;
mod input;
mod limits;
mod node;
mod reconcile;
mod restore;
mod scenario;
mod sections;
mod snapshot;

pub use config::config;
pub use crdt::crdt;
pub use decode::decode;
pub use frames::frames;
pub use identity::identity;
pub use node::node;
pub use reconcile::reconcile;
pub use restore::restore;
pub use scenario::scenario;

/// The labels of the clusters that inputs choose from.
const LABELS: [&str; 3] = ["", "demo", "a label as long as a label may be, which is sixty-four bytes ...."];

/// Makes the checksum fit, so that an input gets past it.
fn fix_checksum(key: &gossip_core::wire::ClusterKey, packet: &mut [u8]) {
    if packet.len() >= 5 {
        let sum = key.checksum(packet);
        packet[1..5].copy_from_slice(&sum.to_be_bytes());
    }
}
