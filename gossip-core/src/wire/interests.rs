//! Which topics are wanted.
//!
//! ```text
//! flags 1 | topic 4 ...
//! ```

use super::Writer;
use super::codec::{DecodeError, Item, List, NoSpace, Reader};

/// A list names so many topics at most; who wants more wants all.
pub const MAX_INTERESTS: usize = 64;

/// The flag of a list: without it all topics are wanted.
const SOME: u8 = 1;
/// The flag of what is wanted of the answer to the packet.
const OF_ANSWER: u8 = 2;

/// A topic by 4 bytes: [`ClusterKey::topic`](super::ClusterKey::topic). Where two share one, both are passed on where one of them is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicHash(pub u32);

impl Item<'_> for TopicHash {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u32().map(Self)
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u32(self.0)
    }
}

/// Which topics are wanted on the sender's side of a link, or of the answer to a question: flags (1 byte: 1: not all, 2: of the
/// answer to this packet), and with flag 1 at most [`MAX_INTERESTS`] [`TopicHash`]es, ascending.
#[derive(Clone, Copy, Debug)]
pub struct Interests<'a> {
    /// Whether it says so of the answer to the question in this packet, and not of the link.
    pub of_answer: bool,
    /// Which; none: all of them.
    pub topics: Option<List<'a, TopicHash>>,
}

impl Interests<'_> {
    /// Writes what is wanted.
    pub fn tell(of_answer: bool, topics: Option<&[TopicHash]>, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(flags(of_answer, topics.is_some()))?;
        topics.unwrap_or_default().iter().try_for_each(|topic| topic.write(writer))
    }
}

fn flags(of_answer: bool, some: bool) -> u8 {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    flag(some, SOME) | flag(of_answer, OF_ANSWER)
}

impl<'a> Item<'a> for Interests<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        if flags & !(SOME | OF_ANSWER) != 0 {
            return Err(DecodeError::OutOfRange);
        }
        let of_answer = flags & OF_ANSWER != 0;
        if flags & SOME == 0 {
            return Ok(Self { of_answer, topics: None });
        }
        let topics = List::<TopicHash>::read(reader)?;
        if topics.iter().count() > MAX_INTERESTS {
            return Err(DecodeError::OutOfRange);
        }
        if !topics.iter().is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::NonCanonical);
        }
        Ok(Self { of_answer, topics: Some(topics) })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        writer.u8(flags(self.of_answer, self.topics.is_some()))?;
        self.topics.map_or(Ok(()), |topics| topics.write(writer))
    }
}
