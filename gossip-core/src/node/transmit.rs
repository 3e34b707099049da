//! What leaves a node: the most urgent purpose of all protocols, then what fits beside it.

use alloc::vec::Vec;

use super::{Lane, Node, Shared, Transmit};
#[cfg(feature = "broadcast")]
use crate::broadcast;
#[cfg(feature = "broadcast")]
use crate::bulk;
#[cfg(feature = "direct")]
use crate::direct;
use crate::identity::NodeId;
#[cfg(feature = "kv")]
use crate::kv;
use crate::membership;
use crate::peer::Peer;
use crate::protocol::{Protocol, Target};
use crate::time::Instant;
use crate::wire::{Sender, Writer};

/// What a packet is made for.
enum Purpose {
    Membership(membership::Intent),
    #[cfg(feature = "direct")]
    Direct(direct::Intent),
    #[cfg(feature = "broadcast")]
    Broadcast(broadcast::Intent),
    #[cfg(feature = "broadcast")]
    Bulk(bulk::Intent),
    #[cfg(feature = "kv")]
    Kv(kv::Intent),
}

impl<P: Peer> Node<P> {
    /// Writes the next packet into `buf` and says where it goes; `None`: nothing may be sent now. Poll only when the
    /// transport can take the packet: what was written counts as sent. The answer may change after any call that takes
    /// `&mut self`, and with time as [`Node::poll_timeout`] says.
    ///
    /// `buf` should hold `transport.datagram_mtu` bytes, or for the stream lane `transport.stream`; what does not fit into a
    /// shorter one is not sent. What waits for one lane does not hold up the other.
    pub fn poll_transmit(&mut self, now: Instant, lane: Lane, buf: &mut [u8]) -> Option<Transmit<P>> {
        loop {
            self.shared.advance(now);
            if !self.shared.pacing.allows(self.shared.now) {
                return None;
            }
            let (target, purpose) = self.poll_purpose(lane)?;
            let mut ids = core::mem::take(&mut self.shared.ids);
            let len = self.write_packet(now, &target, purpose, buf, &mut ids);
            self.shared.ids = ids;
            let Some(len) = len else { continue };
            self.shared.stats.pauses += u64::from(self.shared.pacing.spend(len));
            self.shared.stats.packets_sent += 1;
            self.shared.stats.frames_sent += u64::from(lane == Lane::Stream);
            self.shared.stats.bytes_sent += len as u64;
            return Some(Transmit { to: target.addr, len });
        }
    }

    /// The most urgent purpose of all protocols.
    fn poll_purpose(&mut self, lane: Lane) -> Option<(Target<P>, Purpose)> {
        if self.shared.pacing.is_short() {
            // What is left is kept for what detection waits for.
            return self.membership.poll_urgent(lane).map(|(to, intent)| (to, Purpose::Membership(intent)));
        }
        if let Some((to, intent)) = self.membership.poll_intent(lane) {
            return Some((to, Purpose::Membership(intent)));
        }
        #[cfg(feature = "direct")]
        if let Some((to, intent)) = self.direct.poll_intent(lane) {
            return Some((to, Purpose::Direct(intent)));
        }
        #[cfg(feature = "broadcast")]
        if let Some((to, intent)) = self.broadcast.poll_intent(lane) {
            return Some((to, Purpose::Broadcast(intent)));
        }
        #[cfg(feature = "kv")]
        if let Some((to, intent)) = self.kv.poll_intent(lane) {
            return Some((to, Purpose::Kv(intent)));
        }
        // Patient in all its parts.
        #[cfg(feature = "broadcast")]
        if let Some((to, intent)) = self.bulk.poll_intent(lane) {
            return Some((to, Purpose::Bulk(intent)));
        }
        None
    }

    /// The packet's length, unless there was nothing to write after all.
    fn write_packet(
        &mut self,
        now: Instant,
        to: &Target<P>,
        purpose: Purpose,
        buf: &mut [u8],
        ids: &mut Vec<NodeId>,
    ) -> Option<usize> {
        let cx = &mut self.shared.cx(now);
        let limit = buf.len().min(to.limit).min(cx.config.longest(to.lane));
        let at_hand = to.row.filter(|row| cx.table.is_live_at(*row, &to.addr));
        let row = at_hand.or_else(|| cx.table.find_addr(&to.addr));
        // Two nodes that ask each other who they are must not both do so under names that the other does not know.
        let asks_who = matches!(purpose, Purpose::Membership(membership::Intent::WhoAreYou));
        let known = !asks_who && row.is_some_and(|row| cx.table.row(row).knows_me());
        let short = cx.table.own_short(*cx.me).filter(|_| known);
        let sender = short.map_or(Sender::Full(*cx.me), Sender::Short);
        let mut packet = Writer::from_sender(&mut buf[..limit], ids, cx.me.id, sender).ok()?;
        if cx.config.transport.stream.is_some() {
            packet.take_frames();
        }
        let header = packet.len();
        let probe =
            matches!(purpose, Purpose::Membership(membership::Intent::Ping { .. } | membership::Intent::Ack { .. }));
        match purpose {
            Purpose::Membership(intent) => self.membership.write(cx, to, intent, &mut packet),
            #[cfg(feature = "direct")]
            Purpose::Direct(intent) => self.direct.write(cx, to, intent, &mut packet),
            #[cfg(feature = "broadcast")]
            Purpose::Broadcast(intent) => self.broadcast.write(cx, to, intent, &mut packet),
            #[cfg(feature = "broadcast")]
            Purpose::Bulk(intent) => self.bulk.write(cx, to, intent, &mut packet),
            #[cfg(feature = "kv")]
            Purpose::Kv(intent) => self.kv.write(cx, to, intent, &mut packet),
        }
        // What waits to be spread goes to many, a little to each.
        // Where sending has to wait, probes go alone: the next ones must not wait for what rides on these.
        let alone = self.shared.pacing.is_short();
        let spare = to.limit == usize::MAX && to.lane == Lane::Datagram && !alone;
        let Shared { table, now: at, .. } = &self.shared;
        match row.filter(|_| spare) {
            Some(row) if self.membership.doubts(table, row) => self.membership.accuse(*at, table, row, &mut packet),
            Some(_) => self.fill(now, &mut packet, probe),
            None => (),
        }
        (packet.len() > header).then(|| packet.finish(&self.shared.key))
    }

    /// Uses the room that is left: what rides on every probe, then what waits, in equal shares of the protocols that
    /// have something; a share that is not used up goes to the next.
    fn fill(&mut self, now: Instant, packet: &mut Writer<'_>, probe: bool) {
        let cx = &mut self.shared.cx(now);
        if probe {
            #[cfg(feature = "broadcast")]
            self.broadcast.ride(cx, packet);
            #[cfg(feature = "kv")]
            self.kv.ride(cx, packet);
        }
        #[cfg(feature = "kv")]
        if self.kv.is_hungry() {
            let share = if self.membership.is_hungry() { packet.room() / 2 } else { packet.room() };
            packet.with_share(share, |packet| self.kv.fill(cx, packet));
        }
        if self.membership.is_hungry() {
            self.membership.fill(cx, packet);
        }
    }
}
