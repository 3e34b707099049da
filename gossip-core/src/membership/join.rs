//! Finding the cluster: contacts are asked in turn until each has answered or its time is over.

use alloc::vec::Vec;
use core::hash::Hasher as _;
use core::time::Duration;

use siphasher::sip::SipHasher24;

use super::table::Table;
use crate::config::MembershipConfig;
use crate::error::CommandError;
use crate::identity::{Identity, NodeId};
use crate::peer::Peer;
use crate::random::Rng;
use crate::time::Instant;

/// More contacts are not remembered.
const MAX_CONTACTS: usize = 64;
/// A cookie is good for this long, and for as long again.
const COOKIE_LIFE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Contact<P> {
    addr: P,
    /// It is asked until then, if at all.
    asked_until: Option<Instant>,
    /// Whether somebody waits to hear that it answered.
    report: bool,
    /// Whether it was reported already that it did not.
    failed: bool,
    /// When it is forgotten, if it was not given by the application. Until then its answer may be on its way.
    passing: Option<Instant>,
}

/// The contacts given at join, for ever.
#[derive(Debug)]
pub(super) struct Joining<P> {
    contacts: Vec<Contact<P>>,
    turn: usize,
    next: Option<Instant>,
    stranger: Option<Stranger<P>>,
}

/// Somebody who probes this node and whom it does not know.
#[derive(Debug)]
struct Stranger<P> {
    sender: Identity,
    addr: P,
    /// If it is still unknown then, it is asked to let this node in.
    at: Instant,
}

impl<P: Peer> Joining<P> {
    pub(super) fn new() -> Self {
        Self { contacts: Vec::new(), turn: 0, next: None, stranger: None }
    }

    pub(super) fn add(&mut self, now: Instant, config: &MembershipConfig, addr: P) -> Result<(), CommandError> {
        let asked_until = Some(now + config.join_timeout);
        let known = self.contacts.iter().position(|contact| contact.addr == addr);
        // Who was not given by the application makes room.
        let passing = || self.contacts.iter().position(|contact| contact.passing.is_some());
        let known = if self.contacts.len() == MAX_CONTACTS { known.or_else(passing) } else { known };
        let contact = Contact { addr, asked_until, report: true, failed: false, passing: None };
        match known {
            Some(at) => self.contacts[at] = contact,
            None if self.contacts.len() == MAX_CONTACTS => {
                return Err(CommandError::TooManyContacts { max: MAX_CONTACTS });
            }
            None => self.contacts.push(contact),
        }
        self.next = Some(now);
        Ok(())
    }

    /// Asks somebody of whose answer nobody has to hear for that long, if there is room for one more.
    pub(super) fn add_quietly(&mut self, now: Instant, asked_for: Duration, config: &MembershipConfig, addr: &P) {
        let (asked_until, passing) = (Some(now + asked_for), Some(now + config.join_timeout));
        let contact = Contact { addr: addr.clone(), asked_until, report: false, failed: false, passing };
        match self.contacts.iter().position(|known| known.addr == *addr) {
            Some(at) if self.contacts[at].passing.is_some() => self.contacts[at] = contact,
            None if self.contacts.len() < MAX_CONTACTS => self.contacts.push(contact),
            _ => return,
        }
        self.next = Some(now);
    }

    /// Asks a contact again although its time was over: the node is alone.
    pub(super) fn retry(&mut self, now: Instant, config: &MembershipConfig, rng: &mut Rng) {
        if self.next.is_some() || self.contacts.is_empty() {
            return;
        }
        let at = rng.below(self.contacts.len());
        self.contacts[at].asked_until = Some(now + config.join_retry);
        self.next = Some(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.next, self.stranger.as_ref().map(|stranger| stranger.at)].into_iter().flatten().min()
    }

    /// Somebody unknown probes this node: most likely news of it is still on its way. If not, then this node lost its
    /// memory and others kept theirs, or two clusters are to become one. One at a time is enough for that.
    pub(super) fn notice(&mut self, now: Instant, config: &MembershipConfig, sender: Identity, addr: &P) {
        let at = now + config.sync_interval * 2;
        self.stranger.get_or_insert_with(|| Stranger { sender, addr: addr.clone(), at });
    }

    /// Asks a stranger to let this node in, unless it was heard of meanwhile. It is asked once: who forges an address can
    /// have no more than one question sent there at a time.
    pub(super) fn meet(&mut self, now: Instant, config: &MembershipConfig, table: &Table<P>) {
        let Some(Stranger { sender, addr, .. }) = self.stranger.take_if(|stranger| stranger.at <= now) else { return };
        let known = table.find(sender.id).is_some_and(|index| table.row(index).member.generation >= sender.generation);
        if !known {
            self.add_quietly(now, config.join_retry * 2 / 3, config, &addr);
        }
    }

    /// A contact whose time is over and whose outcome somebody waits for.
    pub(super) fn expired(&mut self, now: Instant) -> Option<P> {
        self.contacts.retain(|contact| contact.passing.is_none_or(|until| until > now));
        let over = |contact: &&mut Contact<P>| contact.asked_until.is_some_and(|until| until <= now);
        while let Some(contact) = self.contacts.iter_mut().find(over) {
            contact.asked_until = None;
            if contact.report && !core::mem::replace(&mut contact.failed, true) {
                return Some(contact.addr.clone());
            }
        }
        None
    }

    /// The contact to ask now.
    pub(super) fn due(&mut self, now: Instant, config: &MembershipConfig) -> Option<P> {
        self.next.filter(|next| *next <= now)?;
        let count = self.contacts.len();
        let asked = |at: &usize| self.contacts[at % count].asked_until.is_some();
        let Some(at) = (self.turn..self.turn + count).find(asked) else {
            self.next = None;
            return None;
        };
        self.turn = (at + 1) % count;
        // Each contact is asked once in `join_retry`, however many there are.
        let waiting = self.contacts.iter().filter(|contact| contact.asked_until.is_some()).count();
        self.next = Some(now + config.join_retry / waiting as u32);
        Some(self.contacts[at % count].addr.clone())
    }

    /// Whether the address is that of a contact that is being asked, or was asked once.
    pub(super) fn is_asked(&self, addr: &P) -> bool {
        let is_asked = |contact: &Contact<P>| contact.asked_until.is_some() || contact.passing.is_some();
        self.contacts.iter().any(|contact| contact.addr == *addr && is_asked(contact))
    }

    /// Whether the address is a contact's.
    pub(super) fn is_contact(&self, addr: &P) -> bool {
        self.contacts.iter().any(|contact| contact.addr == *addr)
    }

    /// Asks at once those that have not answered yet.
    pub(super) fn again(&mut self, now: Instant) {
        self.next = Some(now);
    }

    /// The contact let this node in; whether somebody waits to hear that.
    pub(super) fn welcomed(&mut self, addr: &P) -> bool {
        let Some(contact) = self.contacts.iter_mut().find(|contact| contact.addr == *addr) else { return false };
        contact.asked_until = None;
        // An answer that comes after the failure was reported is news again.
        core::mem::take(&mut contact.report)
    }
}

/// Proves addresses without remembering who asked: SipHash-2-4 of address, id and time under a secret of this node.
#[derive(Debug)]
pub(super) struct Cookies {
    secret: [u8; 16],
}

impl Cookies {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&rng.u64().to_be_bytes());
        secret[8..].copy_from_slice(&rng.u64().to_be_bytes());
        Self { secret }
    }

    pub(super) fn make<P: Peer>(&self, now: Instant, addr: &P, id: NodeId) -> u64 {
        self.cookie(epoch(now), addr, id)
    }

    pub(super) fn proves<P: Peer>(&self, now: Instant, addr: &P, id: NodeId, cookie: u64) -> bool {
        let epoch = epoch(now);
        cookie == self.cookie(epoch, addr, id) || cookie == self.cookie(epoch.wrapping_sub(1), addr, id)
    }

    fn cookie<P: Peer>(&self, epoch: u64, addr: &P, id: NodeId) -> u64 {
        let mut encoded = [0; 255];
        let len = addr.encode(&mut encoded);
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write(&epoch.to_be_bytes());
        hasher.write(id.as_bytes());
        hasher.write(&encoded[..len]);
        // Zero means none.
        hasher.finish().max(1)
    }
}

fn epoch(now: Instant) -> u64 {
    now.as_micros() / COOKIE_LIFE.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_cookie_proves_one_address_of_one_node_for_a_while() {
        let cookies = Cookies::new(&mut Rng::new([1; 32]));
        let id = NodeId::from_name("a");
        let cookie = cookies.make(at(100), &7_u64, id);
        assert!(cookies.proves(at(100), &7_u64, id, cookie));
        assert!(cookies.proves(at(120), &7_u64, id, cookie));
        assert!(!cookies.proves(at(170), &7_u64, id, cookie));
        assert!(!cookies.proves(at(100), &8_u64, id, cookie));
        assert!(!cookies.proves(at(100), &7_u64, NodeId::from_name("b"), cookie));
        assert!(!cookies.proves(at(100), &7_u64, id, 0));
    }

    #[test]
    fn contacts_are_asked_in_turn_until_their_time_is_over() {
        let config = MembershipConfig::default();
        let mut joining = Joining::new();
        joining.add(at(0), &config, 1_u64).unwrap();
        joining.add(at(0), &config, 2_u64).unwrap();
        assert_eq!(joining.due(at(0), &config), Some(1));
        assert_eq!(joining.due(at(0), &config), None);
        assert_eq!(joining.due(at(1), &config), Some(2));
        assert!(joining.welcomed(&1));
        assert_eq!(joining.due(at(2), &config), Some(2));
        assert_eq!((joining.expired(at(10)), joining.expired(at(10))), (Some(2), None));
        assert_eq!((joining.due(at(11), &config), joining.poll_timeout()), (None, None));
    }

    #[test]
    fn who_was_asked_once_may_answer_late() {
        let config = MembershipConfig::default();
        let mut joining = Joining::new();
        joining.add_quietly(at(0), Duration::from_millis(200), &config, &1_u64);
        assert_eq!(joining.due(at(0), &config), Some(1));
        assert_eq!((joining.expired(at(1)), joining.due(at(1), &config)), (None, None));
        assert!(joining.is_asked(&1) && joining.is_contact(&1), "a cookie and a welcome still count");
        assert_eq!(joining.expired(at(10)), None);
        assert!(!joining.is_asked(&1) && !joining.is_contact(&1));
    }

    #[test]
    fn who_was_asked_by_the_way_makes_room_for_a_contact() {
        let config = MembershipConfig::default();
        let mut joining = Joining::new();
        for addr in 0..MAX_CONTACTS as u64 {
            joining.add_quietly(at(0), config.join_timeout, &config, &addr);
        }
        assert_eq!(joining.add(at(0), &config, 1000), Ok(()));
        assert!(joining.is_contact(&1000) && joining.contacts.len() == MAX_CONTACTS);
    }
}
