//! What is known of a key and fits no packet goes in parts. Who has it says how long it is; who wants it asks for parts, a
//! window at a time, of one key after the other, and takes it over when all are there.

use alloc::vec::Vec;
use core::time::Duration;

use gossip_collections::{SmallVec, VecDeque};
use gossip_crdt::Dot;

use super::item::{Item, expires_in};
use super::key::Key;
use super::persist::{put_item, read_item};
use super::{Intent, KvState, MAX_ITEM, Version};
use crate::identity::Identity;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::time::Instant;
use crate::wire::kv::{Fetch, Part};
use crate::wire::{Item as _, NoSpace, Writer, tag};

/// The bytes of each part but the last: two find room in a packet of 1 200 bytes, one in the smallest.
const PART: usize = 400;
/// So many parts are asked for at a time.
const WINDOW: usize = 32;
/// How long parts are waited for, and how often in vain.
const PATIENCE: Duration = Duration::from_millis(400);
const TRIES: u8 = 10;
/// So many keys wait to be fetched; anti-entropy finds the others again.
const MAX_WAITING: usize = 64;

/// Which keys are fetched.
#[derive(Debug)]
pub(super) struct Fetching<P> {
    waiting: VecDeque<Wanted<P>>,
    open: Option<Open<P>>,
    /// What was asked of this node last.
    encoded: Encoded,
}

/// What is known of a key as it goes in parts, so that it is made once and not for each packet.
#[derive(Debug, Default)]
struct Encoded {
    /// Of what it is the encoding. Contents that differ under equal heads, which is mended, are told again after that.
    heads: SmallVec<[Dot<Identity>; 1]>,
    bytes: Vec<u8>,
    sum: u64,
    expires: Option<Instant>,
}

/// What a member has.
#[derive(Clone, Debug, PartialEq)]
struct Wanted<P> {
    dot: Dot<Identity>,
    with: P,
    total: usize,
    sum: u64,
}

#[derive(Debug)]
struct Open<P> {
    wanted: Wanted<P>,
    bytes: Vec<u8>,
    has: Vec<bool>,
    due: Instant,
    tries: u8,
}

impl<P> Open<P> {
    /// The first parts that are missing, from one on.
    fn missing(&self) -> Option<(usize, u32)> {
        let first = self.has.iter().position(|has| !has)?;
        let window = self.has[first..].iter().take(WINDOW).enumerate();
        Some((first, window.filter(|(_, has)| !**has).fold(0, |mask, (at, _)| mask | 1 << at)))
    }
}

impl<P> Default for Fetching<P> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), open: None, encoded: Encoded::default() }
    }
}

impl<P> Fetching<P> {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.due)
    }
}

impl<P: Peer> KvState<P> {
    /// Says that something is there which finds no room.
    pub(super) fn announce_parts(
        &self,
        cx: &Cx<'_, P>,
        key: &Key,
        item: &Item,
        dot: &Dot<Identity>,
        packet: &mut Writer<'_>,
    ) -> Result<(), NoSpace> {
        let bytes = encode(key, item);
        let expires = expires_in(item.expires, cx.now);
        let part = Part {
            expires,
            writer: dot.writer,
            counter: dot.counter,
            total: bytes.len(),
            sum: cx.key.body(&bytes),
            number: 0,
            bytes: &[],
        };
        packet.section(tag::KV_PART, |w| part.write(w))
    }

    pub(super) fn handle_part(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, part: Part<'_>) {
        let dot = Dot::new(part.writer, part.counter);
        if part.total > (MAX_ITEM * cx.config.kv.max_value).saturating_add(HEAD) || part.total == 0 {
            cx.stats.kv_dropped += 1;
            return;
        }
        let wanted = Wanted { dot, with: from.addr.clone(), total: part.total, sum: part.sum };
        if !part.bytes.is_empty() {
            self.take_part(cx, from, &wanted, &part);
        } else if self.store.find(&Version::from(&dot)).is_none() && self.fetching.waiting.len() < MAX_WAITING {
            let is_open = self.fetching.open.as_ref().is_some_and(|open| open.wanted.dot == dot);
            if !is_open && !self.fetching.waiting.iter().any(|waiting| waiting.dot == dot) {
                self.fetching.waiting.push_back(wanted);
                self.fetch_next(cx);
            }
        }
    }

    fn take_part(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, of: &Wanted<P>, part: &Part<'_>) {
        let Part { number, bytes, expires, .. } = *part;
        let Some(open) = self.fetching.open.as_mut().filter(|open| open.wanted == *of) else { return };
        let at = number.saturating_mul(PART);
        let len = PART.min(of.total.saturating_sub(at));
        if open.has.get(number) != Some(&false) || bytes.len() != len {
            return;
        }
        open.bytes[at..at + len].copy_from_slice(bytes);
        open.has[number] = true;
        open.tries = 0;
        let window = open.has.iter().position(|has| !has);
        match window {
            None => {
                let open = self.fetching.open.take();
                let bytes = open.map(|open| open.bytes).unwrap_or_default();
                self.take_whole(cx, from, &bytes, of.sum, expires);
                self.fetch_next(cx);
            }
            // All that was asked for is here.
            Some(first) if first % WINDOW == 0 => self.ask_for_parts(cx),
            Some(_) => (),
        }
    }

    fn take_whole(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, bytes: &[u8], sum: u64, expires: Option<u64>) {
        let whole = if cx.key.body(bytes) == sum { read_item(bytes) } else { None };
        let Some((key, mut item, _)) = whole else {
            cx.stats.kv_malformed += 1;
            return;
        };
        item.expires = expires.map(|left| cx.now + Duration::from_millis(left));
        let mut told = Vec::new();
        self.note_theirs(cx, from.addr, &key, &item);
        self.end_diff_if_named(cx);
        self.take_state(cx, &key, &item, true, &mut told);
        self.answer_states(cx, from.addr.clone(), told);
    }

    fn fetch_next(&mut self, cx: &mut Cx<'_, P>) {
        while self.fetching.open.is_none() {
            let Some(wanted) = self.fetching.waiting.pop_front() else { return };
            if self.store.find(&Version::from(&wanted.dot)).is_some() {
                continue;
            }
            let (bytes, has) = (alloc::vec![0; wanted.total], alloc::vec![false; wanted.total.div_ceil(PART)]);
            self.fetching.open = Some(Open { wanted, bytes, has, due: cx.now, tries: 0 });
            self.ask_for_parts(cx);
        }
    }

    fn ask_for_parts(&mut self, cx: &mut Cx<'_, P>) {
        let Some(open) = &mut self.fetching.open else { return };
        let Some((first, mask)) = open.missing() else { return };
        open.due = cx.now + PATIENCE;
        let fetch = Fetch { writer: open.wanted.dot.writer, counter: open.wanted.dot.counter, first, mask };
        let to = Target::to(open.wanted.with.clone());
        self.intents.push(cx.stats, to, Intent::Fetch(fetch));
    }

    pub(super) fn fetch_if_due(&mut self, cx: &mut Cx<'_, P>) {
        let Some(open) = self.fetching.open.as_mut().filter(|open| open.due <= cx.now) else { return };
        open.tries += 1;
        if open.tries > TRIES {
            self.fetching.open = None;
            self.fetch_next(cx);
        } else {
            self.ask_for_parts(cx);
        }
    }

    /// Writes as many of the parts that are asked for as find room, and queues the rest.
    pub(super) fn write_parts(
        &mut self,
        cx: &mut Cx<'_, P>,
        to: &Target<P>,
        mut fetch: Fetch,
        packet: &mut Writer<'_>,
    ) {
        let version = Version::new(fetch.writer, fetch.counter);
        let Some(heads) = self.store.heads(&version) else { return };
        if *self.fetching.encoded.heads != *heads {
            let Some((key, item)) = self.store.find(&version) else { return };
            let bytes = encode(key, &item);
            let sum = cx.key.body(&bytes);
            self.fetching.encoded =
                Encoded { heads: SmallVec::from_slice(item.heads()), bytes, sum, expires: item.expires };
        }
        let Encoded { bytes, sum, expires, .. } = &self.fetching.encoded;
        let expires = expires_in(*expires, cx.now);
        let (total, sum, mut is_last) = (bytes.len(), *sum, false);
        while fetch.mask != 0 {
            let at = fetch.mask.trailing_zeros() as usize;
            let number = fetch.first.saturating_add(at);
            let Some(part) = bytes.chunks(PART).nth(number) else { break };
            let part = Part { writer: fetch.writer, counter: fetch.counter, expires, total, sum, number, bytes: part };
            if packet.section(tag::KV_PART, |w| part.write(w)).is_err() {
                self.intents.push(cx.stats, to.clone(), Intent::Parts(fetch));
                break;
            }
            is_last |= number == (total - 1) / PART;
            fetch.mask &= fetch.mask - 1;
        }
        if is_last {
            self.fetching.encoded = Encoded::default();
        }
    }
}

/// What is known of a key besides its values may take this much more.
const HEAD: usize = 1 << 16;

/// What is known of a key as a snapshot holds it, but for when it expires, so that all parts are of one whole.
fn encode(key: &Key, item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut item = item.clone();
    item.expires = None;
    put_item(&mut bytes, Instant::ZERO, key, &item);
    bytes
}
