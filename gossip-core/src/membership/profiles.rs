//! Metadata, hints and zone: records carry their version alone, the bytes are asked for.

use alloc::boxed::Box;
use core::ops::Bound;

use gossip_collections::{BTreeSet, SmallVec};

use super::notes::Profile;
use super::table::{ME, MemberIndex, Table};
use super::{Intent, MAX_HINTS, Membership};
use crate::event::MemberChange;
use crate::identity::NodeId;
use crate::peer::Peer;
use crate::protocol::{Cx, Source, Target};
use crate::random::Rng;
use crate::wire::{self, Item as _, List, Writer, tag};

/// At most so many members' profiles are asked for in one packet.
const MAX_ASKED: usize = 4;

/// The members whose profile is older than their record says.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    wanted: BTreeSet<MemberIndex>,
    /// Where the next request goes on.
    turn: Option<MemberIndex>,
}

impl Profiles {
    /// Replaces this node's own profile.
    pub(super) fn set_own<P: Peer>(
        table: &mut Table<P>,
        version: u64,
        metadata: Option<&[u8]>,
        hints: Option<&[u8]>,
        zone: &str,
    ) {
        let notes = table.notes_mut(ME);
        let (old_metadata, old_hints) =
            notes.drop_profile().map_or_else(Default::default, |old| (old.metadata, old.hints));
        notes.set_profile(Profile {
            newest: version,
            version,
            metadata: metadata.map_or(old_metadata, Box::from),
            hints: hints.map_or(old_hints, Box::from),
            zone: Box::from(zone.as_bytes()),
        });
    }

    pub(super) fn is_stale<P: Peer>(&self, table: &Table<P>, index: MemberIndex) -> bool {
        let notes = table.notes(index);
        table.get(index).is_some_and(|row| row.status.is_live()) && notes.profile_version() > notes.held_version()
    }

    pub(super) fn want(&mut self, index: MemberIndex) {
        self.wanted.insert(index);
    }

    pub(super) fn unwanted(&mut self, index: MemberIndex) {
        self.wanted.remove(&index);
    }

    /// Whom to ask for which members' profiles: now one of them, now anybody, who may have heard already.
    pub(super) fn request<P: Peer>(
        &mut self,
        table: &Table<P>,
        rng: &mut Rng,
    ) -> Option<(P, SmallVec<[MemberIndex; 4]>)> {
        let after = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let mut asked: SmallVec<[MemberIndex; 4]> =
            self.wanted.range((after, Bound::Unbounded)).copied().take(MAX_ASKED).collect();
        if asked.is_empty() {
            asked = self.wanted.iter().copied().take(MAX_ASKED).collect();
        }
        let subject = *asked.first()?;
        self.turn = asked.last().copied();
        let anybody = table.sample(rng, 1, |_| true).first().copied();
        let peer = if rng.below(2) == 0 { anybody.unwrap_or(subject) } else { subject };
        Some((table.get(peer)?.addr.clone(), asked))
    }

    pub(super) fn write_request<P: Peer>(table: &Table<P>, members: &[MemberIndex], packet: &mut Writer<'_>) {
        let mut ids = members.iter().filter_map(|index| table.get(*index)).map(|row| row.member.id);
        packet.list(tag::PROFILE_REQUEST, |w| ids.next().map_or(Ok(false), |id| id.write(w).map(|()| true)));
    }

    pub(super) fn write<P: Peer>(table: &Table<P>, members: &[MemberIndex], packet: &mut Writer<'_>) {
        for index in members {
            let (Some(row), Some(profile)) = (table.get(*index), table.notes(*index).profile()) else { continue };
            let item = wire::membership::Profile {
                member: row.member,
                version: profile.version,
                metadata: &profile.metadata,
                hints: &profile.hints,
                zone: &profile.zone,
            };
            if packet.section(tag::PROFILE, |w| item.write(w)).is_err() {
                return;
            }
        }
    }
}

impl<P: Peer> Membership<P> {
    pub(super) fn handle_profile_request(&mut self, cx: &mut Cx<'_, P>, from: &Source<'_, P>, ids: List<'_, NodeId>) {
        if from.answer != usize::MAX {
            return;
        }
        let known = ids.iter().take(MAX_ASKED).filter_map(|id| cx.table.find(id));
        let members: SmallVec<[MemberIndex; 4]> =
            known.filter(|index| cx.table.notes(*index).profile().is_some()).collect();
        if !members.is_empty() {
            self.intents.push(cx.stats, Target::to(from.addr.clone()), Intent::Profiles(members));
        }
    }

    pub(super) fn handle_profile(&mut self, cx: &mut Cx<'_, P>, profile: wire::membership::Profile<'_>) {
        let Some(index) = cx.table.find(profile.member.id).filter(|index| *index != ME) else { return };
        let too_large = profile.metadata.len() > cx.config.membership.max_metadata || profile.hints.len() > MAX_HINTS;
        let known = cx.table.row(index).member == profile.member;
        let notes = cx.table.notes_mut(index);
        let newest = notes.profile_version();
        if !known || too_large || !(notes.held_version() + 1..=newest).contains(&profile.version) {
            return;
        }
        notes.set_profile(Profile {
            newest,
            version: profile.version,
            metadata: Box::from(profile.metadata),
            hints: Box::from(profile.hints),
            zone: Box::from(profile.zone),
        });
        cx.table.touch();
        if !self.profiles.is_stale(cx.table, index) {
            self.profiles.unwanted(index);
        }
        self.tell(cx, index, MemberChange::Updated);
    }
}
