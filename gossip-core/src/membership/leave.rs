//! Leaving gracefully: first what this node alone may hold is handed over, then it says goodbye. And the goodbye of a
//! member that cannot say it any more.

use gossip_collections::SmallVec;

use super::{Claim, Intent, Membership, Record, Status};
use crate::error::CommandError;
use crate::event::Event;
use crate::identity::NodeId;
use crate::membership::ME;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;

/// Whether this node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// It is about to leave, and still a member like any other: until another has all that it wrote, or until then.
    /// Somebody is probed at `next` to find out.
    HandingOver {
        until: Instant,
        next: Instant,
    },
    /// Its goodbye is on its way, until then at most. Who hears of it from others asks: it stays at least until `asked`.
    Leaving {
        until: Instant,
        asked: Instant,
    },
    /// Another bears its name: it says nothing any more, and still answers until then.
    Yielding {
        until: Instant,
    },
    Left,
}

impl<P: Peer> Membership<P> {
    /// Whether this node is a member that probes, answers and lets others in.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::HandingOver { .. })
    }

    /// Whether the application may still ask for something.
    pub(crate) fn takes_commands(&self) -> bool {
        self.phase == Phase::Running
    }

    pub(crate) fn has_left(&self) -> bool {
        self.phase == Phase::Left
    }

    /// Answers a ping with a goodbye, if this node is leaving: any other answer would say that it stays.
    pub(super) fn says_goodbye(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>) -> bool {
        let Phase::Leaving { asked, .. } = &mut self.phase else { return false };
        if from.answer == usize::MAX {
            *asked = cx.now + cx.config.membership.probe_timeout;
        }
        self.intents.push(cx.stats, Target::answer(from), Intent::Records(SmallVec::from_slice(&[ME])));
        true
    }

    /// Whether its name is another's.
    pub(super) fn has_yielded(&self) -> bool {
        matches!(self.phase, Phase::Yielding { .. })
    }

    /// Begins to leave; [`Event::Left`] follows when the goodbye has spread, or `membership.leave_timeout` is over.
    pub(crate) fn leave(&mut self, cx: &Cx<'_, P>) {
        if self.phase == Phase::Running {
            // Half of the time for what was written, half for the goodbye.
            let until = cx.now + cx.config.membership.leave_timeout / 2;
            self.phase = Phase::HandingOver { until, next: cx.now };
        }
    }

    /// Says goodbye for a member that is down, under the incarnation in which it failed; it comes back under a higher one if
    /// it lives after all. Said again of one that has left, for whoever missed it: the table digest tells nobody of the dead.
    pub(crate) fn force_leave(&mut self, cx: &mut Cx<'_, P>, id: NodeId) -> Result<(), CommandError> {
        if !self.takes_commands() {
            return Err(CommandError::Leaving);
        }
        let index = cx.table.find(id).ok_or(CommandError::UnknownMember)?;
        let row = cx.table.row(index);
        match row.status {
            Status::Alive | Status::Suspect => return Err(CommandError::NotDown),
            Status::Down => _ = self.apply(cx, &Record { claim: Claim::Left, ..cx.table.record(index) }, false),
            Status::Left => self.spread(cx, index),
        }
        Ok(())
    }

    /// Takes the next step of leaving. `handed_over`: another member holds all that was written here.
    pub(crate) fn go_on_leaving(&mut self, cx: &mut Cx<'_, P>, handed_over: bool) {
        if let Phase::HandingOver { until, next } = self.phase {
            if handed_over || until <= cx.now || cx.table.live().len() == 1 {
                let config = &cx.config.membership;
                self.phase =
                    Phase::Leaving { until: cx.now + config.leave_timeout / 2, asked: cx.now + config.probe_timeout };
                self.restate(cx, |_| ());
            } else if next <= cx.now {
                let number = cx.rng.u32();
                for index in cx.table.sample(cx.rng, 1, |_| true) {
                    let to = Target::to(cx.table.row(index).addr.clone());
                    self.intents.push(cx.stats, to, Intent::Ping { number, promise: 0 });
                }
                self.phase = Phase::HandingOver { until, next: cx.now + cx.config.membership.gossip_interval };
            }
        }
        if let Phase::Leaving { until, asked } = self.phase {
            let told = !self.updates.contains(ME) && self.intents.is_empty() && asked <= cx.now;
            if told || until <= cx.now || cx.table.live().is_empty() {
                self.has_gone(cx);
            }
        }
        if matches!(self.phase, Phase::Yielding { until } if until <= cx.now) {
            self.has_gone(cx);
        }
    }

    fn has_gone(&mut self, cx: &mut Cx<'_, P>) {
        self.phase = Phase::Left;
        self.intents.clear();
        self.gossip_at = None;
        cx.events.push(Event::Left);
    }
}

#[cfg(all(test, feature = "kv"))]
mod tests {
    use crate::{Config, Identity, Instant, Lane, Node, NodeId, Transmit};

    fn node(at: u64) -> Node<u64> {
        let me = Identity::new(NodeId::from_bytes([at as u8; 16]), 1);
        Node::new(me, at, Config::lan(), [at as u8; 32], Instant::ZERO).unwrap()
    }

    /// What `from`, which is at that address, has to say arrives.
    fn deliver(now: Instant, at: u64, from: &mut Node<u64>, to: &mut Node<u64>) {
        let mut buf = [0; 1200];
        while let Some(Transmit { len, .. }) = from.poll_transmit(now, Lane::Datagram, &mut buf) {
            _ = to.handle_packet(now, Lane::Datagram, &at, &mut buf[..len]);
        }
    }

    #[test]
    fn a_node_that_could_hand_nothing_over_says_goodbye_at_once_when_that_time_is_over() {
        let (mut a, mut b) = (node(1), node(2));
        b.join(Instant::ZERO, 1).unwrap();
        for _ in 0..4 {
            deliver(Instant::ZERO, 2, &mut b, &mut a);
            deliver(Instant::ZERO, 1, &mut a, &mut b);
            b.handle_timeout(Instant::ZERO);
        }
        assert_eq!(b.members().live(), 2);
        // A write that nobody else comes to hold.
        b.kv_mut(Instant::ZERO).set(crate::kv::Scope::Shared, b"k", b"v").unwrap();
        b.leave(Instant::ZERO);
        while let Some(now) = b.poll_timeout() {
            b.handle_timeout(now);
            while b.poll_transmit(now, Lane::Datagram, &mut [0; 1200]).is_some() {}
            assert!(b.poll_timeout().is_none_or(|next| next > now), "woken again at {now:?}");
        }
        assert!(b.join(Instant::ZERO, 1).is_err());
    }
}
