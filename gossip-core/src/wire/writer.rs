//! Building a packet in the caller's slice.

use alloc::vec::Vec;

use super::codec::{Item, NoSpace};
use super::{ClusterKey, FLAG_FRAMES, FLAG_FULL, Sender, VERSION, tag};
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;

/// Writes one packet: header, sections, list of ids. What does not fit leaves no trace.
#[derive(Debug)]
pub struct Writer<'b> {
    buf: &'b mut [u8],
    at: usize,
    limit: usize,
    sender: NodeId,
    ids: &'b mut Vec<NodeId>,
    /// The bytes that the list of ids will take.
    ids_len: usize,
}

impl<'b> Writer<'b> {
    /// Starts a packet of at most `buf.len()` bytes. `ids` is scratch memory, so that building packets allocates nothing.
    pub fn new(
        buf: &'b mut [u8],
        ids: &'b mut Vec<NodeId>,
        key: &ClusterKey,
        sender: Identity,
        full: bool,
    ) -> Result<Self, NoSpace> {
        let name = if full { Sender::Full(sender) } else { Sender::Short(key.short(sender)) };
        Self::from_sender(buf, ids, sender.id, name)
    }

    /// As [`Self::new`], for a sender whose name in the packet is known already.
    pub(crate) fn from_sender(
        buf: &'b mut [u8],
        ids: &'b mut Vec<NodeId>,
        id: NodeId,
        name: Sender,
    ) -> Result<Self, NoSpace> {
        ids.clear();
        let limit = buf.len();
        let mut writer = Self { buf, at: 0, limit, sender: id, ids, ids_len: 0 };
        writer.u8(VERSION << 4 | if matches!(name, Sender::Full(_)) { FLAG_FULL } else { 0 })?;
        writer.u32(0)?;
        match name {
            Sender::Full(sender) => {
                writer.bytes(sender.id.as_bytes())?;
                writer.varint(sender.generation)?;
            }
            Sender::Short(short) => writer.u32(short)?,
        }
        Ok(writer)
    }

    /// Says in the header that the sender takes frames over a stream lane.
    pub fn take_frames(&mut self) {
        self.buf[0] |= FLAG_FRAMES;
    }

    /// Bytes written so far, header and list of ids included.
    #[allow(clippy::len_without_is_empty, reason = "it begins with a header")]
    #[inline]
    pub fn len(&self) -> usize {
        self.at + self.ids_len
    }

    /// Bytes that are left.
    #[inline]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Runs `write` with at most `share` more bytes.
    pub fn with_share(&mut self, share: usize, write: impl FnOnce(&mut Self)) {
        let limit = self.limit;
        self.limit = limit.min(self.len() + share);
        write(self);
        self.limit = limit;
    }

    /// Writes a whole section or nothing.
    #[inline]
    pub fn section(&mut self, tag: u8, body: impl FnOnce(&mut Self) -> Result<(), NoSpace>) -> Result<(), NoSpace> {
        let (mark, limit) = (self.mark(), self.limit);
        let written = self.open(tag).and_then(|open| body(self).map(|()| self.close(open)));
        if written.is_err() {
            self.undo(mark);
            self.limit = limit;
        }
        written
    }

    /// Writes a section of items, as many as `next` has and as fit; see [`Self::items`]. No item, no section.
    pub fn list(&mut self, tag: u8, mut next: impl FnMut(&mut Self) -> Result<bool, NoSpace>) -> usize {
        self.list_of(tag, &mut next)
    }

    fn list_of(&mut self, tag: u8, next: &mut dyn FnMut(&mut Self) -> Result<bool, NoSpace>) -> usize {
        let mut items = 0;
        _ = self.section(tag, |w| {
            items = w.items_of(next);
            if items == 0 { Err(NoSpace) } else { Ok(()) }
        });
        items
    }

    /// Writes items, as many as `next` has and as fit. `next` writes one and answers whether it did; when it answers
    /// [`NoSpace`] the item's bytes are taken back, and that was the last.
    pub fn items(&mut self, mut next: impl FnMut(&mut Self) -> Result<bool, NoSpace>) -> usize {
        self.items_of(&mut next)
    }

    /// One function for all, which takes less room than one for each list; an item is written by as few instructions.
    fn items_of(&mut self, next: &mut dyn FnMut(&mut Self) -> Result<bool, NoSpace>) -> usize {
        let mut items = 0;
        loop {
            let mark = self.mark();
            match next(self) {
                Ok(true) => items += 1,
                Ok(false) => return items,
                Err(NoSpace) => {
                    self.undo(mark);
                    return items;
                }
            }
        }
    }

    /// Where the next byte goes, until the section that is being written ends.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Replaces bytes of the section that is being written.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.buf[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes the ids that were referred to and the checksum; answers the packet's length.
    pub fn finish(mut self, key: &ClusterKey) -> usize {
        if !self.ids.is_empty() {
            // Room for the list was kept when each id was first referred to.
            let ids = core::mem::take(self.ids);
            self.ids_len = 0;
            let written = self.section(tag::IDS, |w| ids.iter().try_for_each(|id| w.bytes(id.as_bytes())));
            debug_assert_eq!(written, Ok(()), "room for the ids was kept");
            *self.ids = ids;
        }
        let packet = &mut self.buf[..self.at];
        let checksum = key.checksum(packet);
        packet[1..5].copy_from_slice(&checksum.to_be_bytes());
        self.at
    }

    /// Writes one byte.
    #[inline]
    pub fn u8(&mut self, value: u8) -> Result<(), NoSpace> {
        self.bytes(&[value])
    }

    /// Writes four bytes, big-endian.
    #[inline]
    pub fn u32(&mut self, value: u32) -> Result<(), NoSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes eight bytes, big-endian.
    #[inline]
    pub fn u64(&mut self, value: u64) -> Result<(), NoSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes an integer in LEB128.
    #[inline]
    pub fn varint(&mut self, mut value: u64) -> Result<(), NoSpace> {
        while value >= 0x80 {
            self.u8((value as u8) | 0x80)?;
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// Writes bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), NoSpace> {
        if bytes.len() > self.room() {
            return Err(NoSpace);
        }
        self.buf[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        Ok(())
    }

    /// Writes bytes behind their length.
    pub fn blob(&mut self, bytes: &[u8]) -> Result<(), NoSpace> {
        self.varint(bytes.len() as u64)?;
        self.bytes(bytes)
    }

    /// Writes a reference to an id; its 16 bytes follow once, at the end of the packet.
    pub fn id(&mut self, id: NodeId) -> Result<(), NoSpace> {
        if id == self.sender {
            return self.varint(0);
        }
        let index = match self.ids.iter().position(|known| *known == id) {
            Some(index) => index,
            None => {
                self.ids.push(id);
                self.count_ids();
                if self.len() > self.limit {
                    self.ids.pop();
                    self.count_ids();
                    return Err(NoSpace);
                }
                self.ids.len() - 1
            }
        };
        self.varint(index as u64 + 1)
    }

    /// Writes an address behind its length.
    pub fn peer<P: Peer>(&mut self, peer: &P) -> Result<(), NoSpace> {
        let mut encoded = [0; 255];
        let len = peer.encode(&mut encoded);
        self.u8(len as u8)?;
        self.bytes(&encoded[..len])
    }

    /// Writes an item.
    pub fn item<'a>(&mut self, item: &impl Item<'a>) -> Result<(), NoSpace> {
        item.write(self)
    }

    /// After an id came or went.
    fn count_ids(&mut self) {
        self.ids_len = match self.ids.len() * 16 {
            0 => 0,
            len => 1 + varint_len(len) + len,
        };
    }

    fn mark(&self) -> (usize, usize) {
        (self.at, self.ids.len())
    }

    fn undo(&mut self, (at, ids): (usize, usize)) {
        self.at = at;
        if self.ids.len() != ids {
            self.ids.truncate(ids);
            self.count_ids();
        }
    }

    /// Writes the tag and one byte for the length, which is enough for most bodies, and keeps room for a longer one.
    #[inline]
    fn open(&mut self, tag: u8) -> Result<Open, NoSpace> {
        self.bytes(&[tag, 0])?;
        let kept = varint_len(self.room() + 1) - 1;
        if kept > self.room() {
            return Err(NoSpace);
        }
        self.limit -= kept;
        Ok(Open { body: self.at, kept })
    }

    /// Writes the body's length in its shortest form; where that takes more than a byte the body makes way.
    #[inline]
    fn close(&mut self, open: Open) {
        self.limit += open.kept;
        let len = self.at - open.body;
        if len < 0x80 {
            self.buf[open.body - 1] = len as u8;
            return;
        }
        let longer = varint_len(len) - 1;
        self.buf.copy_within(open.body..self.at, open.body + longer);
        self.at = open.body - 1;
        let written = self.varint(len as u64);
        debug_assert_eq!(written, Ok(()), "room for the length was kept");
        self.at += len;
    }
}

/// A section whose length is not known yet: where its body begins, and how many bytes are kept for a longer length.
#[derive(Clone, Copy)]
struct Open {
    body: usize,
    kept: usize,
}

/// How many bytes a varint takes.
fn varint_len(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}
