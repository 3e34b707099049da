//! In place of `acks` and `diff` where the application asks for no reports: nothing is awaited, and nothing noted.

use gossip_reconcile::Found;

use super::compare::{Part, Running};
use super::item::Item;
use super::key::Key;
use super::store::Store;
use super::{KvState, Version};
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::protocol::{Cx, Source};
use crate::time::Instant;
use crate::wire::kv::Seen;

/// There is none.
#[derive(Debug)]
pub(super) enum Report {}

/// No acknowledgements are.
#[derive(Debug, Default)]
pub(super) struct Awaiting(());

impl Awaiting {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub(super) fn acknowledge<P: Peer>(&mut self, _: &mut Cx<'_, P>, _: NodeId, _: impl Fn(&Version) -> bool) {}

    pub(super) fn receive<P: Peer>(&mut self, _: &mut Cx<'_, P>, _: NodeId, _: &Seen<'_>) {}
}

impl<P: Peer> KvState<P> {
    pub(super) fn ask_if_due(&mut self, _: &mut Cx<'_, P>) {}

    pub(super) fn handle_receipt(&mut self, _: &mut Cx<'_, P>, _: &Source<'_, P>, _: &Seen<'_>) {}

    pub(super) fn diff_if_due(&mut self, _: &mut Cx<'_, P>) {}

    pub(super) fn note_sent(&mut self, _: &P, _: Part, _: usize) {}

    pub(super) fn note_answer(_: &mut Running<P>, _: &Store, _: usize, _: &[Found]) {}

    pub(super) fn note_received(&mut self, _: &P, _: usize) {}

    pub(super) fn note_theirs(&mut self, _: &Cx<'_, P>, _: &P, _: &Key, _: &Item) {}

    pub(super) fn end_diff_if_named(&mut self, _: &mut Cx<'_, P>) {}

    pub(super) fn ask_for_names(&mut self, _: &mut Cx<'_, P>) {}
}

impl<P> Running<P> {
    pub(super) fn deadline(&self) -> Option<Instant> {
        None
    }

    pub(super) fn is_naming(&self) -> bool {
        false
    }
}
