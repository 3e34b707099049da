//! Any bytes on a connection of the stream lane, cut anywhere.

use gossip_handle::frame::{Decoder, FrameError, HEADER_LEN, Item, encode};

use crate::input::Input;

/// Reads the bytes at once, byte by byte, and in pieces as the input says, and writes what was read again.
///
/// # Panics
/// If the pieces make a difference, if what was read is not what was written, or if memory is kept for what has not arrived.
pub fn frames(bytes: &[u8]) {
    let mut input = Input(bytes);
    let max_frame = [9, 100, 4096, 64 << 10][input.below(4)];
    let steps = [usize::from(input.byte()) + 1, usize::from(input.byte()) * 64 + 1];
    let stream = input.0;
    let whole = read(max_frame, stream, &[stream.len().max(1)]);
    assert_eq!(read(max_frame, stream, &steps), whole, "cut in pieces of {steps:?}");
    assert_eq!(read(max_frame, stream, &[1]), whole, "byte by byte");

    let (items, error) = whole;
    let written: Vec<u8> = items.iter().flat_map(write).collect();
    assert!(stream.starts_with(&written), "written again");
    if error.is_none() {
        assert!(stream.len() - written.len() < HEADER_LEN + max_frame, "a whole frame was left");
    }
}

/// All items of bytes that arrive in pieces of these lengths in turn, and what ended it.
fn read(max_frame: usize, stream: &[u8], steps: &[usize]) -> (Vec<Item>, Option<FrameError>) {
    let (mut decoder, mut items, mut rest) = (Decoder::new(max_frame), Vec::new(), stream);
    for step in steps.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (mut piece, after) = rest.split_at((*step).min(rest.len()));
        rest = after;
        loop {
            match decoder.take(&mut piece) {
                Ok(Some(item)) => {
                    let frame = matches!(&item, Item::Frame(packet) if packet.len() <= max_frame);
                    assert!(frame != items.is_empty(), "a preamble first, then frames within the limit");
                    items.push(item);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!((decoder.take(&mut &b"gsp"[..]), decoder.wanted()), (Err(error), 0), "it stays refused");
                    return (items, Some(error));
                }
            }
        }
        assert!(piece.is_empty() && decoder.wanted() > 0);
    }
    (items, None)
}

fn write(item: &Item) -> Vec<u8> {
    match item {
        Item::Preamble(preamble) => preamble.encode().to_vec(),
        Item::Frame(packet) => encode(packet),
    }
}
