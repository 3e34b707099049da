//! Reading and writing the primitives: fixed integers, varints, ids by reference, addresses, blobs.

use core::fmt;

use crate::identity::NodeId;
use crate::peer::Peer;

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The packet ends inside a field.
    Truncated,
    /// Bytes are left over after the last field of a section.
    TrailingBytes,
    /// A value is not written in its one canonical form, or a reserved bit is set.
    NonCanonical,
    /// A value is outside its range.
    OutOfRange,
    /// A reference to an id that the packet does not list, or an id listed in vain.
    IdReference,
    /// A second section of those of which a packet has one at most: [`super::tag::is_conversation`].
    Repeated,
    /// Bytes that are no address of this transport.
    InvalidPeer,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends inside a field",
            Self::TrailingBytes => "bytes are left over after a section's last field",
            Self::NonCanonical => "a value is not in its canonical form",
            Self::OutOfRange => "a value is outside its range",
            Self::IdReference => "the list of ids does not fit the references",
            Self::Repeated => "it asks or answers more than one thing",
            Self::InvalidPeer => "an address is not of this transport",
        })
    }
}

impl core::error::Error for DecodeError {}

/// The packet has no room for what was to be written; the writer is where it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSpace;

/// The ids that a packet lists, and its sender's, which is reference 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids<'a> {
    pub(super) sender: NodeId,
    pub(super) listed: &'a [u8],
}

impl Ids<'_> {
    pub(super) fn len(&self) -> u64 {
        (self.listed.len() / 16) as u64
    }

    #[inline]
    fn get(&self, reference: u64) -> Option<NodeId> {
        let Some(index) = reference.checked_sub(1) else { return Some(self.sender) };
        let at = usize::try_from(index).ok()?.checked_mul(16)?;
        let bytes = self.listed.get(at..)?.first_chunk::<16>()?;
        Some(NodeId::from_bytes(*bytes))
    }
}

/// Reads fields from the front of a section's body.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    ids: Ids<'a>,
    /// The highest reference so far; a new one must be the next. [`CHECKED`]: the packet was read once already.
    referred: u64,
}

/// No packet has so many references.
const CHECKED: u64 = u64::MAX;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], ids: Ids<'a>) -> Self {
        Self { rest: bytes, ids, referred: 0 }
    }

    /// A reader of bytes that were read once without error: what concerns the whole is not checked again.
    pub(super) fn checked(bytes: &'a [u8], ids: Ids<'a>) -> Self {
        Self { referred: CHECKED, ..Self::new(bytes, ids) }
    }

    pub(super) fn is_checked(&self) -> bool {
        self.referred == CHECKED
    }

    /// A reader of bytes that refer to no ids.
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self::new(bytes, Ids { sender: NodeId::from_bytes([0; 16]), listed: &[] })
    }

    /// A reader of `bytes` with the same ids that goes on counting references.
    #[inline]
    pub(super) fn over(&self, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, ..*self }
    }

    pub(super) fn referred(&self) -> u64 {
        self.referred
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::NonCanonical),
        }
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A LEB128 integer of at most 64 bits in its shortest form.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        // Most are small.
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::OutOfRange);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(DecodeError::NonCanonical) } else { Ok(value) };
            }
        }
        Err(DecodeError::OutOfRange)
    }

    pub(super) fn varint_usize(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.varint()?).map_err(|_| DecodeError::OutOfRange)
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn blob(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let len = self.varint_usize()?;
        if len > max {
            return Err(DecodeError::OutOfRange);
        }
        self.bytes(len)
    }

    pub(super) fn raw_id(&mut self) -> Result<NodeId, DecodeError> {
        self.array().map(NodeId::from_bytes)
    }

    /// An id by its reference. References to new ids come in the order of the list.
    #[inline]
    pub(super) fn id(&mut self) -> Result<NodeId, DecodeError> {
        let reference = self.varint()?;
        if reference > self.referred.saturating_add(1) {
            return Err(DecodeError::IdReference);
        }
        self.referred = self.referred.max(reference);
        self.ids.get(reference).ok_or(DecodeError::IdReference)
    }

    pub(super) fn peer<P: Peer>(&mut self) -> Result<P, DecodeError> {
        let len = usize::from(self.u8()?);
        if len > P::MAX_LEN {
            return Err(DecodeError::InvalidPeer);
        }
        P::decode(self.bytes(len)?).map_err(|_| DecodeError::InvalidPeer)
    }
}

/// A value inside a section, written and read the same way.
pub trait Item<'a>: Sized {
    /// Reads one from the front.
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    /// Writes it, or nothing that stays.
    fn write(&self, writer: &mut super::Writer<'_>) -> Result<(), NoSpace>;
}

/// Items that fill a section to its end; they were all read once, without error, when the packet was decoded.
#[derive(Clone, Copy, Debug)]
pub struct List<'a, T> {
    reader: Reader<'a>,
    items: core::marker::PhantomData<T>,
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// Takes the rest of `reader` as items and checks each, unless that was done before.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let list = Self { reader: *reader, items: core::marker::PhantomData };
        if reader.is_checked() {
            *reader = reader.over(&[]);
        }
        while !reader.is_empty() {
            T::read(reader)?;
        }
        Ok(list)
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.reader.rest().len()
    }

    /// The items, read on the way.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut reader = self.reader;
        core::iter::from_fn(move || if reader.is_empty() { None } else { T::read(&mut reader).ok() })
    }

    pub(super) fn write(&self, writer: &mut super::Writer<'_>) -> Result<(), NoSpace> {
        self.iter().try_for_each(|item| item.write(writer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader<'_> {
        Reader::new(bytes, Ids { sender: NodeId::from_name("a"), listed: &[] })
    }

    #[test]
    fn a_varint_is_read_only_in_its_shortest_form() {
        assert_eq!(reader(&[0x80, 0x01]).varint(), Ok(128));
        assert_eq!(reader(&[0x80, 0x00]).varint(), Err(DecodeError::NonCanonical));
        assert_eq!(reader(&[0x80]).varint(), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_varint_holds_64_bits_and_no_more() {
        let mut max = [0xff; 10];
        max[9] = 0x01;
        assert_eq!(reader(&max).varint(), Ok(u64::MAX));
        max[9] = 0x02;
        assert_eq!(reader(&max).varint(), Err(DecodeError::OutOfRange));
        assert_eq!(reader(&[0xff; 11]).varint(), Err(DecodeError::OutOfRange));
    }

    #[test]
    fn a_blob_longer_than_the_packet_is_truncated() {
        assert_eq!(reader(&[5, 1, 2]).blob(10), Err(DecodeError::Truncated));
        assert_eq!(reader(&[5, 1, 2]).blob(4), Err(DecodeError::OutOfRange));
    }

    #[test]
    fn an_id_beyond_the_list_is_an_error() {
        assert_eq!(reader(&[0]).id(), Ok(NodeId::from_name("a")));
        assert_eq!(reader(&[1]).id(), Err(DecodeError::IdReference));
    }
}
