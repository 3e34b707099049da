//! Members that parts are exchanged with: neighbours of the overlay and random ones.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::VecDeque;

use super::window::Window;
use crate::broadcast::Way;
use crate::identity::Identity;
use crate::membership::MemberIndex;
use crate::peer::Peer;
use crate::protocol::Target;
use crate::time::Instant;
use crate::wire::broadcast::ShortId;

/// With so many at most.
pub(super) const MAX_PARTNERS: usize = 24;
/// The place of a partner; it is given to another one once this one is gone.
pub(super) type Slot = u8;
/// At most so many parts wait to be sent to one.
pub(super) const MAX_SERVED: usize = 256;
/// Of so many bodies at most it is told everything at a time.
const MAX_TOLD: usize = 64;
/// Of so many blocks that it was shown a partner is told again.
const MAX_BLOCKS: usize = 4;

/// A part that a partner was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) body: ShortId,
    pub(super) part: u32,
    pub(super) at: Instant,
}

#[derive(Debug)]
pub(super) struct Partner<P> {
    pub(super) row: MemberIndex,
    pub(super) member: Identity,
    pub(super) addr: P,
    /// Whether this node asks it.
    pub(super) mine: bool,
    /// When it last said that it wants something.
    pub(super) wanted: Option<Instant>,
    /// Up to which of the news it was told.
    pub(super) told: u64,
    pub(super) window: Window,
    pub(super) way: Way,
    /// When it last brought anything, or began.
    pub(super) heard: Instant,
    /// When it is next told what is wanted.
    pub(super) ask_at: Instant,
    /// What it was asked for, in that order, and what it is going to be.
    pub(super) asked: VecDeque<Asked>,
    pub(super) to_get: Vec<(ShortId, u32)>,
    pub(super) to_want: bool,
    /// Bodies of which it is to be told everything, from which part on.
    pub(super) to_tell: VecDeque<(ShortId, u32)>,
    /// Blocks of own bodies that it was shown, and those of them that it is to be told.
    pub(super) blocks: VecDeque<(ShortId, core::ops::Range<u32>)>,
    pub(super) to_show: usize,
    /// How many parts that it was shown it has not asked for.
    pub(super) shown: u32,
    /// How many parts it was sent, of which body; nobody can make this node send for ever.
    pub(super) served: Vec<(ShortId, u32)>,
    /// What it asked for.
    pub(super) serve: VecDeque<(ShortId, u32)>,
    /// Whether intents for it wait.
    pub(super) talks: bool,
    pub(super) serves: bool,
}

impl<P: Peer> Partner<P> {
    pub(super) fn new(now: Instant, row: MemberIndex, member: Identity, addr: P, told: u64) -> Self {
        Self {
            row,
            member,
            addr,
            mine: false,
            wanted: None,
            told,
            window: Window::new(now),
            way: Way::guess(FIRST_WAY),
            heard: now,
            ask_at: now,
            asked: VecDeque::new(),
            to_get: Vec::new(),
            to_want: false,
            to_tell: VecDeque::new(),
            blocks: VecDeque::new(),
            to_show: 0,
            shown: 0,
            served: Vec::new(),
            serve: VecDeque::new(),
            talks: false,
            serves: false,
        }
    }

    pub(super) fn target(&self) -> Target<P> {
        Target { row: Some(self.row), ..Target::to(self.addr.clone()) }
    }

    pub(super) fn has_room(&self) -> bool {
        self.asked.len() + self.to_get.len() < self.window.parts()
    }

    /// Of a body that is open to all, or gone, nothing is shown any more.
    pub(super) fn hide(&mut self, short: ShortId) {
        self.blocks.retain(|(body, _)| *body != short);
        self.to_show = self.to_show.min(self.blocks.len());
        self.shown = self.shown.min(self.blocks.iter().map(|(_, block)| block.end - block.start).sum());
    }

    /// It is to be told everything of a body.
    pub(super) fn tell(&mut self, short: ShortId) {
        self.to_tell.retain(|(body, _)| *body != short);
        if self.to_tell.len() < MAX_TOLD {
            self.to_tell.push_back((short, 0));
        }
    }

    /// Whether it may have one more part of a body: each twice, and a few.
    pub(super) fn may_have(&mut self, body: ShortId, parts: u32) -> bool {
        let at = self.served.iter().position(|(of, _)| *of == body).unwrap_or_else(|| {
            self.served.push((body, 0));
            self.served.len() - 1
        });
        let may = self.served[at].1 < parts.saturating_mul(2).saturating_add(MAX_SERVED as u32);
        self.served[at].1 += u32::from(may);
        may
    }

    pub(super) fn show(&mut self, body: ShortId, block: core::ops::Range<u32>) {
        self.shown += block.end - block.start;
        if self.blocks.len() == MAX_BLOCKS {
            self.blocks.pop_front();
        }
        self.blocks.push_back((body, block));
        self.to_show = (self.to_show + 1).min(self.blocks.len());
    }
}

/// How long the way to a partner may be before it was measured.
const FIRST_WAY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Partners<P> {
    slots: Vec<Option<Partner<P>>>,
}

impl<P: Peer> Partners<P> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Partner<P>> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Partner<P>)> {
        self.slots.iter().enumerate().filter_map(|(slot, partner)| Some((slot as Slot, partner.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Partner<P>)> {
        self.slots.iter_mut().enumerate().filter_map(|(slot, partner)| Some((slot as Slot, partner.as_mut()?)))
    }

    pub(super) fn find(&self, row: MemberIndex) -> Option<Slot> {
        self.iter().find(|(_, partner)| partner.row == row).map(|(slot, _)| slot)
    }

    /// Adds one if there is room.
    pub(super) fn insert(&mut self, partner: Partner<P>) -> Option<Slot> {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.slots.len());
        if at >= MAX_PARTNERS {
            return None;
        }
        if at == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[at] = Some(partner);
        Some(at as Slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Partner<P>> {
        self.slots.get_mut(usize::from(slot))?.take()
    }
}
