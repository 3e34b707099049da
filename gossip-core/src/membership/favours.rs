//! Probes made for others (SWIM §3.1), each answered in any case: who gets no answer at all learns that it is itself cut
//! off (Lifeguard §IV-A).

use gossip_collections::VecDeque;

use super::table::MemberIndex;
use crate::identity::Identity;
use crate::time::Instant;

/// At most this many probes are made for others at a time; further ones are not begun.
const MAX_FAVOURS: usize = 256;

#[derive(Debug)]
pub(super) struct Favour<P> {
    number: u32,
    member: Identity,
    pub(super) target: MemberIndex,
    /// Who asked, and under which number.
    pub(super) asker: P,
    pub(super) asked: u32,
    until: Instant,
    /// Whether it was pinged again.
    retried: bool,
}

/// What a favour needs next.
pub(super) enum Need<P> {
    /// To ping its target again, under this number.
    Retry(MemberIndex, u32),
    /// To tell the asker that the target does not answer.
    Refuse(P, u32),
}

/// The probes that are made for others now, in the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Favours<P> {
    open: VecDeque<Favour<P>>,
}

impl<P: Clone> Favours<P> {
    pub(super) fn new() -> Self {
        Self { open: VecDeque::new() }
    }

    /// Begins a probe of `member` under `number` for `asker`. Whether there was room for it.
    pub(super) fn begin(
        &mut self,
        (target, member): (MemberIndex, Identity),
        (asker, asked): (P, u32),
        number: u32,
        until: Instant,
    ) -> bool {
        let room = self.open.len() < MAX_FAVOURS;
        if room {
            self.open.push_back(Favour { number, member, target, asker, asked, until, retried: false });
        }
        room
    }

    /// Whom to tell that a probe made as a favour was answered, and under which number.
    pub(super) fn answered(&mut self, number: u32, by: Identity) -> Option<(P, u32)> {
        let at = self.open.iter().position(|favour| favour.number == number && favour.member == by)?;
        self.open.remove(at).map(|favour| (favour.asker, favour.asked))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.open.iter().map(|favour| favour.until).min()
    }

    /// What is due. `retry_until`: until when a target that is pinged again is waited for.
    pub(super) fn due(&mut self, now: Instant, retry_until: impl Fn(MemberIndex) -> Instant) -> Option<Need<P>> {
        let at = self.open.iter().position(|favour| favour.until <= now)?;
        let favour = &mut self.open[at];
        if !favour.retried {
            (favour.retried, favour.until) = (true, retry_until(favour.target));
            return Some(Need::Retry(favour.target, favour.number));
        }
        self.open.remove(at).map(|favour| Need::Refuse(favour.asker, favour.asked))
    }
}
