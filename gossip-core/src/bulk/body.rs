//! A payload in parts: what is here of it.

use alloc::vec;
use alloc::vec::Vec;

use gossip_collections::SmallVec;

use super::bits::Bits;
use super::partners::{MAX_PARTNERS, Slot};
use crate::broadcast::Message;
use crate::membership::MemberIndex;
use crate::time::Instant;
use crate::wire::ClusterKey;
use crate::wire::bulk::Manifest;

/// So many parts of a new body are shown to a partner at once.
pub(super) const BLOCK: u32 = 32;

#[derive(Debug)]
enum Content {
    /// Memory is taken for the first part.
    Nothing,
    Some(Vec<u8>),
    Whole(Message),
}

#[derive(Debug)]
pub(super) struct Body {
    /// The message, its manifest in place of its payload.
    pub(super) head: Message,
    pub(super) manifest: Manifest,
    content: Content,
    pub(super) have: Bits,
    /// Which parts somebody was asked for; of an own body those that somebody asked this node for.
    pub(super) asked: Bits,
    /// What partners have.
    pub(super) held: Vec<Option<Bits>>,
    /// How much of an own body was shown to partners, each part to one of them: so that this node sends each once, and they
    /// exchange them.
    shown: u32,
    /// Whether everybody may ask for everything: of an own body once each part was asked for.
    pub(super) open: bool,
    /// When it came, or something new of an own one was asked for.
    pub(super) since: Instant,
    /// When somebody asked for it, or a part came.
    pub(super) touched: Instant,
    /// Members whose parts did not make up the payload. After the first time all are asked of one partner, so that it shows who
    /// sends wrong ones.
    pub(super) spoilers: SmallVec<[MemberIndex; 0]>,
    pub(super) spoiled: bool,
    pub(super) only: Option<(Slot, Instant)>,
}

/// What became of the last missing part.
pub(super) enum Completion {
    Missing,
    Whole(Message),
    Spoiled,
}

impl Body {
    /// A body of which only the manifest came.
    pub(super) fn wanted(now: Instant, head: Message, manifest: Manifest) -> Self {
        let parts = manifest.parts();
        let held = vec![None; MAX_PARTNERS];
        let (have, asked) = (Bits::new(parts), Bits::new(parts));
        let (content, shown, open, spoilers) = (Content::Nothing, parts, true, SmallVec::new());
        Self {
            head,
            manifest,
            content,
            have,
            asked,
            held,
            shown,
            open,
            since: now,
            touched: now,
            spoilers,
            spoiled: false,
            only: None,
        }
    }

    /// A body of this node.
    pub(super) fn own(now: Instant, head: Message, manifest: Manifest, payload: &[u8]) -> Self {
        let whole = head.with_payload(payload);
        let have = Bits::full(manifest.parts());
        Self { content: Content::Whole(whole), have, shown: 0, open: false, ..Self::wanted(now, head, manifest) }
    }

    pub(super) fn is_whole(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    pub(super) fn parts(&self) -> u32 {
        self.manifest.parts()
    }

    fn range(&self, part: u32) -> core::ops::Range<usize> {
        let each = usize::from(self.manifest.part);
        let first = part as usize * each;
        first..(first + each).min(self.manifest.len as usize)
    }

    /// A part's bytes, if they are here.
    pub(super) fn part(&self, part: u32) -> Option<&[u8]> {
        if !self.have.contains(part) {
            return None;
        }
        match &self.content {
            Content::Nothing => None,
            Content::Some(bytes) => bytes.get(self.range(part)),
            Content::Whole(message) => message.payload().get(self.range(part)),
        }
    }

    /// Whether these can be a part's bytes.
    pub(super) fn fits(&self, part: u32, bytes: &[u8]) -> bool {
        part < self.parts() && self.range(part).len() == bytes.len()
    }

    /// Takes a part in that fits and is not here.
    pub(super) fn put(&mut self, now: Instant, key: &ClusterKey, part: u32, bytes: &[u8]) -> Completion {
        let range = self.range(part);
        if matches!(self.content, Content::Nothing) {
            self.content = Content::Some(vec![0; self.manifest.len as usize]);
        }
        let Content::Some(content) = &mut self.content else { return Completion::Missing };
        content[range].copy_from_slice(bytes);
        self.have.insert(part);
        self.touched = now;
        if !self.have.is_full() {
            return Completion::Missing;
        }
        if key.body(content) != self.manifest.check {
            // Which part was wrong does not show.
            self.spoiled = true;
            self.have.clear();
            self.asked.clear();
            return Completion::Spoiled;
        }
        let whole = self.head.with_payload(content);
        self.content = Content::Whole(whole.clone());
        Completion::Whole(whole)
    }

    /// The next parts that no partner was shown.
    pub(super) fn show(&mut self) -> Option<core::ops::Range<u32>> {
        let block = self.shown..(self.shown + BLOCK).min(self.parts());
        self.shown = block.end;
        (!block.is_empty()).then_some(block)
    }

    /// Notes that a part of an own body is asked for; whether that was the last one.
    pub(super) fn sends(&mut self, now: Instant, part: u32) -> bool {
        if self.open || !self.asked.insert(part) {
            return false;
        }
        self.since = now;
        self.open = self.asked.is_full();
        self.open
    }

    /// Whether a partner may be asked for parts.
    pub(super) fn may_ask(&self, of: Slot) -> bool {
        !self.is_whole() && (!self.spoiled || self.only.is_some_and(|(only, _)| only == of))
    }

    /// Whether a partner has all parts.
    pub(super) fn is_held_by(&self, of: Slot) -> bool {
        self.held[usize::from(of)].as_ref().is_some_and(Bits::is_full)
    }

    /// A part that a partner has, and nobody was asked for: the rarest among partners of some, from a place on.
    pub(super) fn choose(&self, of: Slot, start: usize) -> Option<u32> {
        let held = self.held[usize::from(of)].as_ref()?;
        let (held, have, asked) = (held.words(), self.have.words(), self.asked.words());
        let count = held.len();
        let mut best: Option<(usize, u32)> = None;
        let mut seen = 0;
        for step in 0..count {
            let at = (start + step) % count;
            let mut free = held[at] & !have[at] & !asked[at];
            // Not always the lowest of a word.
            let turn = (start % 64) as u32;
            free = free.rotate_right(turn);
            while free != 0 && seen < CHOICE {
                let bit = (free.trailing_zeros() + turn) % 64;
                free &= free - 1;
                seen += 1;
                let part = at as u32 * 64 + bit;
                let copies = self.held.iter().flatten().filter(|held| held.contains(part)).count();
                if best.is_none_or(|(fewest, _)| copies < fewest) {
                    best = Some((copies, part));
                }
            }
            if seen >= CHOICE {
                break;
            }
        }
        best.map(|(_, part)| part)
    }
}

/// Of so many parts the rarest is asked for.
const CHOICE: usize = 8;
