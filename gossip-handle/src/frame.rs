//! Packets on a byte stream: a preamble from each end, then length-prefixed frames. Section 17 of `docs/wire-format.md`
//! is the specification. No I/O: every adapter with a stream lane reads and writes by this.

use std::fmt;

/// What a preamble begins with: `gsp` and the version of the stream lane.
const MAGIC: [u8; 4] = *b"gsp\x01";
/// How long a preamble is.
pub const PREAMBLE_LEN: usize = 6;
/// How long what stands before each packet is.
pub const HEADER_LEN: usize = 4;
/// The shortest packet: first byte, checksum, short sender.
const MIN_FRAME: usize = 9;
/// How much memory is asked for at a time, on a frame's way to its full length.
const STEP: usize = 4096;

/// What each end of a connection says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// The port at which others reach the sender, not 0. With the observed IP address it makes the sender's address.
    pub port: u16,
}

impl Preamble {
    /// The bytes to send.
    pub fn encode(self) -> [u8; PREAMBLE_LEN] {
        let mut bytes = [0; PREAMBLE_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..].copy_from_slice(&self.port.to_be_bytes());
        bytes
    }

    /// Reads what the other end sent.
    ///
    /// # Errors
    /// Of another protocol or version, or without a port.
    pub fn decode(bytes: [u8; PREAMBLE_LEN]) -> Result<Self, FrameError> {
        let [m0, m1, m2, m3, high, low] = bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(FrameError::NotGossip);
        }
        match u16::from_be_bytes([high, low]) {
            0 => Err(FrameError::NotGossip),
            port => Ok(Self { port }),
        }
    }
}

/// A packet as it stands on the stream. `packet` has less than 4 GiB: `transport.stream` bounds it.
pub fn encode(packet: &[u8]) -> Vec<u8> {
    let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEADER_LEN + packet.len());
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(packet);
    frame
}

/// What was read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The first of all.
    Preamble(Preamble),
    /// A packet.
    Frame(Vec<u8>),
}

/// Why a connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// It does not begin as a stream of this protocol and version does.
    NotGossip,
    /// A frame is shorter than any packet, or longer than what is taken.
    Length(u32),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGossip => f.write_str("it does not begin as a gossip stream of this version does"),
            Self::Length(len) => write!(f, "a frame of {len} bytes is not taken"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Puts the bytes of one connection together again, however they were cut on the way.
///
/// Memory follows what has arrived: a length is checked against the limit before anything is kept for it, and a frame takes
/// at most twice the bytes of it that are here, and a step of 4 KiB.
#[derive(Debug)]
pub struct Decoder {
    max_frame: usize,
    state: State,
    /// The part of the item that is here.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Header,
    /// A frame of this length.
    Frame(usize),
    /// Whatever comes is refused.
    Failed(FrameError),
}

impl Decoder {
    /// For a new connection, on which a frame has at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, state: State::Preamble, partial: Vec::new() }
    }

    /// Takes bytes off the front of `input` until an item is whole or no byte is left. Call it again while it answers an
    /// item: what is left may hold another.
    ///
    /// # Errors
    /// The stream cannot be read on; every later call says the same.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Item>, FrameError> {
        loop {
            let wanted = self.wanted();
            let (taken, rest) = input.split_at(wanted.min(input.len()));
            self.keep(taken, wanted);
            *input = rest;
            if taken.len() < wanted {
                return Ok(None);
            }
            match self.complete() {
                Ok(None) => (),
                Ok(item) => return Ok(item),
                Err(error) => {
                    (self.state, self.partial) = (State::Failed(error), Vec::new());
                    return Err(error);
                }
            }
        }
    }

    /// How many bytes are missing to what can be acted on next.
    pub fn wanted(&self) -> usize {
        let whole = match self.state {
            State::Preamble => PREAMBLE_LEN,
            State::Header => HEADER_LEN,
            State::Frame(len) => len,
            State::Failed(_) => 0,
        };
        whole - self.partial.len()
    }

    /// Whether a frame, or the preamble, was begun and not ended.
    pub fn is_inside(&self) -> bool {
        !self.partial.is_empty() || matches!(self.state, State::Frame(_))
    }

    fn keep(&mut self, taken: &[u8], wanted: usize) {
        let len = self.partial.len();
        if self.partial.capacity() - len < taken.len() {
            self.partial.reserve_exact(wanted.min(taken.len().max(len).max(STEP)));
        }
        self.partial.extend_from_slice(taken);
    }

    /// Acts on what is whole now.
    fn complete(&mut self) -> Result<Option<Item>, FrameError> {
        match self.state {
            State::Preamble => {
                let preamble = Preamble::decode(self.whole()?)?;
                self.state = State::Header;
                Ok(Some(Item::Preamble(preamble)))
            }
            State::Header => {
                let announced = u32::from_be_bytes(self.whole()?);
                match usize::try_from(announced) {
                    Ok(len) if (MIN_FRAME..=self.max_frame).contains(&len) => self.state = State::Frame(len),
                    _ => return Err(FrameError::Length(announced)),
                }
                Ok(None)
            }
            State::Frame(_) => {
                self.state = State::Header;
                Ok(Some(Item::Frame(std::mem::take(&mut self.partial))))
            }
            State::Failed(error) => Err(error),
        }
    }

    fn whole<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let bytes = <[u8; N]>::try_from(self.partial.as_slice()).map_err(|_| FrameError::NotGossip);
        self.partial.clear();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREAMBLE: Preamble = Preamble { port: 7946 };

    fn stream(packets: &[&[u8]]) -> Vec<u8> {
        packets.iter().fold(PREAMBLE.encode().to_vec(), |mut bytes, packet| {
            bytes.extend(encode(packet));
            bytes
        })
    }

    /// All items of bytes that arrive so many at a time.
    fn read(bytes: &[u8], step: usize) -> Vec<Item> {
        let mut decoder = Decoder::new(100);
        let mut items = Vec::new();
        for mut input in bytes.chunks(step) {
            while let Some(item) = decoder.take(&mut input).unwrap() {
                items.push(item);
            }
        }
        items
    }

    #[test]
    fn what_was_written_is_read_however_it_is_cut() {
        let bytes = stream(&[&[1; 9], &[2; 100], &[3; 50]]);
        let frames = [vec![1; 9], vec![2; 100], vec![3; 50]].map(Item::Frame);
        let expected: Vec<Item> = std::iter::once(Item::Preamble(PREAMBLE)).chain(frames).collect();
        for step in 1..=bytes.len() {
            assert_eq!(read(&bytes, step), expected, "{step} at a time");
        }
    }

    #[test]
    fn the_bytes_of_a_stream_are_fixed() {
        assert_eq!(stream(&[b"123456789"]), b"gsp\x01\x1f\x0a\0\0\0\x09123456789");
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_kept_for_it() {
        for (len, taken) in [(u32::MAX, false), (101, false), (100, true), (9, true), (8, false), (0, false)] {
            let mut decoder = Decoder::new(100);
            assert!(decoder.take(&mut PREAMBLE.encode().as_slice()).unwrap().is_some());
            let answer = decoder.take(&mut len.to_be_bytes().as_slice());
            assert_eq!(answer, if taken { Ok(None) } else { Err(FrameError::Length(len)) });
            assert!(decoder.partial.capacity() <= STEP, "{}", decoder.partial.capacity());
        }
    }

    #[test]
    fn memory_follows_what_has_arrived() {
        let mut decoder = Decoder::new(1 << 20);
        let mut bytes = stream(&[&[0; 1 << 20]]);
        bytes.truncate(PREAMBLE_LEN + HEADER_LEN + 10_000);
        for mut input in bytes.chunks(100) {
            while decoder.take(&mut input).unwrap().is_some() {}
            let here = decoder.partial.len();
            assert!(decoder.partial.capacity() <= 2 * here + STEP, "{here}");
        }
    }

    #[test]
    fn another_protocol_or_version_is_refused_and_stays_so() {
        for bytes in [b"GET / ".as_slice(), b"gsp\x02\x1f\x0a", b"gsp\x01\0\0"] {
            let mut decoder = Decoder::new(100);
            assert_eq!(decoder.take(&mut &*bytes), Err(FrameError::NotGossip));
            assert_eq!(decoder.take(&mut PREAMBLE.encode().as_slice()), Err(FrameError::NotGossip));
            assert_eq!(decoder.take(&mut [].as_slice()), Err(FrameError::NotGossip));
        }
    }

    #[test]
    fn it_is_inside_an_item_from_its_first_byte_to_its_last() {
        let mut decoder = Decoder::new(100);
        let bytes = stream(&[&[1; 9]]);
        let inside: Vec<bool> = bytes
            .chunks(1)
            .map(|mut byte| {
                _ = decoder.take(&mut byte).unwrap();
                decoder.is_inside()
            })
            .collect();
        let ends = [PREAMBLE_LEN - 1, bytes.len() - 1];
        assert!(inside.iter().enumerate().all(|(at, inside)| *inside != ends.contains(&at)), "{inside:?}");
    }
}
