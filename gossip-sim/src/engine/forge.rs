//! Byzantine nodes: beside what an honest node says, lies in its name. Knows the wire format.

use std::time::Duration;

use gossip_core::Identity;
use gossip_core::wire::membership::{Claim, Record, Section, Suspicion};
use gossip_core::wire::{ClusterKey, Item as _, NoSpace, Writer, tag};

use super::World;
use crate::scenario::spec::{Behaviour, Byzantine};
use crate::trace::Fault;

/// How often a forger lies.
pub(super) const FORGERY: Duration = Duration::from_secs(1);
/// To how many others each time.
const PEERS: usize = 3;

impl World<'_> {
    pub(super) fn begin_forgery(&mut self, event: usize, byzantine: &Byzantine) -> Result<(), String> {
        let chosen = self.draw(event, &byzantine.who);
        self.touch(event, chosen, Fault::Byzantine);
        if let Some(lasts) = byzantine.lasts {
            self.stage.schedule(lasts, super::stage::Step::Cease { event });
        }
        self.round(event, 0)
    }

    /// How often the event acts.
    pub(super) fn rounds_of(&self, event: usize, lasts: Option<Duration>) -> usize {
        let left = self.spec.duration.saturating_sub(self.spec.events[event].at);
        usize::try_from(lasts.unwrap_or(left).as_secs()).unwrap_or(usize::MAX).max(1)
    }

    /// Each forger accuses one live node, and tells three others.
    pub(super) fn forge(&mut self, event: usize, behaviour: Behaviour) {
        for forger in self.targets[event].clone() {
            let Some(me) = self.hosts[forger].identity().filter(|_| !self.hosts[forger].is_halted()) else { continue };
            let others = self.live().into_iter().filter(|node| *node != forger).collect::<Vec<_>>();
            let [victim] = self.randoms[event].choose(others.clone(), 1)[..] else { continue };
            let Some(accused) = self.hosts[victim].identity() else { continue };
            // A verdict is best forged in another's name.
            let [by] = self.randoms[event].choose(others.clone(), 1)[..] else { continue };
            let Some(by) = self.hosts[by].identity() else { continue };
            let Ok(packet) = forged(self.stage.cluster(), me, behaviour, accused, (victim as u64, by)) else {
                continue;
            };
            for peer in self.randoms[event].choose(others, PEERS) {
                self.stage.transmit(forger, peer as u64, &packet);
            }
        }
    }
}

/// A packet that says nothing but the lie: that the member at an address is silent, or, by another's word, down.
fn forged(
    cluster: &ClusterKey,
    me: Identity,
    behaviour: Behaviour,
    accused: Identity,
    (addr, by): (u64, Identity),
) -> Result<Vec<u8>, NoSpace> {
    let (mut packet, mut ids) = (vec![0; 508], Vec::new());
    let mut writer = Writer::new(&mut packet, &mut ids, cluster, me, true)?;
    match behaviour {
        Behaviour::ForgeSuspicion => {
            let section = Section::<u64>::Suspicion(Suspicion { suspect: accused, age: u8::MAX, patience: 0 });
            writer.section(section.tag(), |writer| section.write(writer))?;
        }
        Behaviour::ForgeVerdict => {
            let claim = Claim::Down { by: by.id };
            let record = Record { member: accused, incarnation: u64::MAX, claim, addr, profile: 0 };
            writer.section(tag::UPDATES, |writer| record.write(writer))?;
        }
    }
    let len = writer.finish(cluster);
    packet.truncate(len);
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use gossip_core::NodeId;
    use gossip_core::wire::{self, Packet};

    use super::*;

    #[test]
    fn a_forged_packet_is_well_formed_and_says_what_it_should() {
        let cluster = ClusterKey::new("");
        let identity = |name| Identity::new(NodeId::from_name(name), 7);
        let (me, victim, by) = (identity("n0"), identity("n1"), identity("n2"));
        for behaviour in [Behaviour::ForgeSuspicion, Behaviour::ForgeVerdict] {
            let bytes = forged(&cluster, me, behaviour, victim, (1, by)).unwrap();
            let packet = Packet::decode::<u64>(&cluster, &bytes).unwrap();
            let sections = packet.sections::<u64>(me.id).collect::<Vec<_>>();
            let [wire::Section::Membership(section)] = sections[..] else { panic!("{sections:?}") };
            match section {
                Section::Suspicion(suspicion) => assert_eq!(suspicion.suspect, victim),
                Section::Updates(records) => {
                    let record = records.iter().next().unwrap();
                    assert_eq!((record.member, record.claim), (victim, Claim::Down { by: by.id }));
                    assert_eq!(record.incarnation, u64::MAX);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
