//! What agents say to each other to find out who gets through to whom.
//!
//! ```text
//! question = round (8 bytes), time for tokens in ms (4), when all is over in Unix ms (8)
//! token    = 1 (1 byte), round (8)
//! report   = 2 (1 byte), round (8), number of this part (1), of how many (1), entries
//! entry    = id (16), what is known of it (1): 1 a token was sent, 2 acknowledged, 4 its token came, 8 held down
//! ```
//! Integers are big-endian.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossip_core::NodeId;

const TOKEN: u8 = 1;
const REPORT: u8 = 2;
/// The length of an entry, and of what stands before the entries.
const ENTRY: usize = 17;
const REPORT_HEAD: usize = 11;
/// How far two clocks may differ before a question in time is taken for an old one.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// Asks all members to take part in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) round: u64,
    /// How long each waits for acknowledgements and tokens.
    pub(super) window: Duration,
    /// Nobody takes part after that, in Unix milliseconds.
    until: u64,
}

impl Question {
    /// None: the system has no random numbers.
    pub(super) fn new(timeout: Duration) -> Option<Self> {
        let mut round = [0; 8];
        getrandom::fill(&mut round).ok()?;
        // The rest of the time is for reports, which may have to take a second way.
        Some(Self { round: u64::from_be_bytes(round), window: timeout * 2 / 5, until: unix_ms() + ms(timeout) })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let window = u32::try_from(ms(self.window)).unwrap_or(u32::MAX);
        [&self.round.to_be_bytes()[..], &window.to_be_bytes(), &self.until.to_be_bytes()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (round, rest) = bytes.split_first_chunk()?;
        let (window, until) = rest.split_first_chunk()?;
        let window = Duration::from_millis(u32::from_be_bytes(*window).into()).min(super::MAX_TIMEOUT);
        Some(Self { round: u64::from_be_bytes(*round), window, until: u64::from_be_bytes(until.try_into().ok()?) })
    }

    /// Whether nobody waits for an answer any more.
    pub(super) fn is_over(&self) -> bool {
        self.until.saturating_add(ms(CLOCK_TOLERANCE)) < unix_ms()
    }
}

/// What one member knows of its link to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// It sent a token.
    pub(super) tried: bool,
    /// The other acknowledged it: both directions work.
    pub(super) acknowledged: bool,
    /// The other's token came.
    pub(super) heard: bool,
    /// It holds the other down, so that it could send nothing.
    pub(super) down: bool,
}

impl Link {
    fn bits(self) -> u8 {
        let Self { tried, acknowledged, heard, down } = self;
        u8::from(tried) | u8::from(acknowledged) << 1 | u8::from(heard) << 2 | u8::from(down) << 3
    }

    fn from_bits(bits: u8) -> Self {
        let has = |bit: u8| bits & (1 << bit) != 0;
        Self { tried: has(0), acknowledged: has(1), heard: has(2), down: has(3) }
    }
}

/// A part of a member's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u8,
    pub(super) of: u8,
    pub(super) links: Vec<(NodeId, Link)>,
}

/// What comes by direct message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Token(u64),
    Report(u64, Part),
}

impl Message {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (round, rest) = rest.split_first_chunk()?;
        let round = u64::from_be_bytes(*round);
        match (*kind, rest) {
            (TOKEN, []) => Some(Self::Token(round)),
            (REPORT, [number, of, entries @ ..]) if number < of && entries.len() % ENTRY == 0 => {
                let link = |entry: &[u8]| {
                    let (id, bits) = entry.split_first_chunk()?;
                    Some((NodeId::from_bytes(*id), Link::from_bits(*bits.first()?)))
                };
                let links = entries.chunks(ENTRY).map(link).collect::<Option<_>>()?;
                Some(Self::Report(round, Part { number: *number, of: *of, links }))
            }
            _ => None,
        }
    }
}

pub(super) fn token(round: u64) -> Vec<u8> {
    [&[TOKEN][..], &round.to_be_bytes()].concat()
}

/// A report in parts of at most `max` bytes; what 255 of them cannot hold is left out.
pub(super) fn report(round: u64, links: &[(NodeId, Link)], max: usize) -> Vec<Vec<u8>> {
    let each = (max.saturating_sub(REPORT_HEAD) / ENTRY).max(1);
    let links = &links[..links.len().min(each * usize::from(u8::MAX))];
    let parts: Vec<_> = if links.is_empty() { vec![links] } else { links.chunks(each).collect() };
    let of = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    let part = |(number, links): (u8, &[(NodeId, Link)])| {
        let mut bytes = [&[REPORT][..], &round.to_be_bytes(), &[number, of]].concat();
        for (id, link) in links {
            bytes.extend_from_slice(id.as_bytes());
            bytes.push(link.bits());
        }
        bytes
    };
    (0..of).zip(parts).map(part).collect()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn unix_ms() -> u64 {
    ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_its_bytes_and_is_over_some_time_after_its_deadline() {
        let mut question = Question::new(Duration::from_secs(5)).unwrap();
        assert_eq!(question.window, Duration::from_secs(2));
        assert_eq!(Question::decode(&question.encode()), Some(question));
        assert!(!question.is_over());
        question.until -= 60_000;
        assert!(question.is_over());
        assert!(Question::decode(&question.encode()[1..]).is_none());
    }

    #[test]
    fn a_report_survives_its_parts() {
        let link = |bits| (NodeId::from_bytes([bits; 16]), Link::from_bits(bits % 16));
        let links: Vec<_> = (0..100).map(link).collect();
        let parts = report(7, &links, 1000);
        assert!(parts.len() == 2 && parts.iter().all(|part| part.len() <= 1000));
        let read: Vec<_> = parts
            .iter()
            .flat_map(|bytes| match Message::decode(bytes) {
                Some(Message::Report(7, Part { of: 2, links, .. })) => links,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(read, links);
        assert_eq!(report(7, &[], 1000).len(), 1, "nothing to say is said");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(Message::decode(&token(9)), Some(Message::Token(9)));
        let report = report(9, &[(NodeId::from_bytes([1; 16]), Link::default())], 1000).remove(0);
        let other_of = {
            let mut bytes = report.clone();
            bytes[10] = 0;
            bytes
        };
        for bad in [&b""[..], b"\x01short", &report[..27], &other_of, b"\x03........", b"\x01........x"] {
            assert_eq!(Message::decode(bad), None, "{bad:?}");
        }
    }
}
