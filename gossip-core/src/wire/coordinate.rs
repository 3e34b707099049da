//! Where a member is in the space of round trips.

use super::codec::{DecodeError, Item, NoSpace, Reader};
use super::writer::Writer;

/// The sender's network coordinate (Vivaldi, SIGCOMM 2004): position (three times 2 bytes, two's complement), height
/// (1 byte), error (1 byte). The estimated round trip of two members is the distance of their positions and the sum of
/// their heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coordinate {
    /// In units of 16 µs on each axis.
    pub position: [i16; 3],
    /// Its square, in units of 8 µs, is what every round trip of the sender takes besides.
    pub height: u8,
    /// The relative error that the sender expects of it, in units of 1/255; 0 counts as 1.
    pub error: u8,
}

impl Item<'_> for Coordinate {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut axis = || reader.u16().map(|bits| bits as i16);
        Ok(Self { position: [axis()?, axis()?, axis()?], height: reader.u8()?, error: reader.u8()? })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), NoSpace> {
        self.position.iter().try_for_each(|axis| writer.bytes(&axis.to_be_bytes()))?;
        writer.u8(self.height)?;
        writer.u8(self.error)
    }
}
