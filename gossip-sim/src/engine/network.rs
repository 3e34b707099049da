//! The network between the nodes: what becomes of a packet.

use std::time::Duration;

use gossip_core::Instant;

use super::links::Links;
use crate::random::{Random, Stream, mix, within};
use crate::scenario::spec::{Latency, Network as Spec};
use crate::trace::Uplinks;

/// What an uplink queues at most before it drops from the tail.
const UPLINK_BYTES: u64 = 256_000;

#[derive(Debug)]
pub(super) struct Network {
    spec: Spec,
    random: Random,
    /// What the latency of each pair follows from.
    pairs: u64,
    /// By node: when its uplink is idle again, in nanoseconds.
    uplinks: Vec<u128>,
    queues: Uplinks,
    /// Partitions of this moment: their number, and the side of each node.
    partitions: Vec<(usize, Vec<usize>)>,
    /// The sides of the one that ended last, until a packet crosses their border.
    united: Option<Vec<usize>>,
    links: Links,
    /// Where time goes in rounds: which it is, and what the fate of its contacts follows from.
    round: Option<u64>,
    contacts: u64,
}

/// One copy of a packet that will arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) at: Instant,
    /// Which of its bits is flipped on the way.
    pub(super) flipped: Option<usize>,
}

impl Network {
    pub(super) fn new(spec: &Spec, nodes: usize, seed: u64) -> Self {
        Self {
            spec: spec.clone(),
            random: Random::new(seed, Stream::Network),
            pairs: Random::new(seed, Stream::Pairs).number(),
            uplinks: vec![0; nodes],
            queues: Uplinks { peak_bytes: 0, limit_bytes: UPLINK_BYTES, dropped: 0 },
            partitions: Vec::new(),
            united: None,
            links: Links::new(nodes, seed),
            round: None,
            contacts: Random::new(seed, Stream::Contacts).number(),
        }
    }

    /// Sends a packet of `len` bytes: no copy, one, or two arrive.
    pub(super) fn send(&mut self, now: Instant, from: usize, to: usize, len: usize) -> [Option<Delivery>; 2] {
        let Some(departs) = self.depart(now, from, len) else { return [None; 2] };
        // Each packet draws its fate whether or not it can arrive: who is apart shifts nobody else's luck.
        let lost = match self.round {
            Some(round) => self.loses_contact(round, from, to),
            None => self.random.chance(self.spec.loss),
        };
        let twice = self.random.chance(self.spec.duplicate);
        let first = self.travel(departs, from, to, len);
        let second = twice.then(|| self.travel(departs, from, to, len));
        if lost | self.links.loses(from, to) || !self.connects(from, to) { [None; 2] } else { [Some(first), second] }
    }

    /// Two nodes that meet in a round do so or not: one loss takes all that they would have said in it (the random phone call
    /// model, Karp et al., FOCS 2000).
    pub(super) fn begin_round(&mut self, number: u64) {
        self.round = Some(number);
    }

    fn loses_contact(&self, round: u64, from: usize, to: usize) -> bool {
        let pair = (from.min(to) as u64) << 32 | from.max(to) as u64;
        let drawn = mix(self.contacts ^ mix(pair ^ mix(round)));
        ((drawn >> 11) as f64) < self.spec.loss * (1_u64 << 53) as f64
    }

    /// From now on this share of all packets is lost.
    pub(super) fn lose(&mut self, share: f64) {
        self.spec.loss = share;
    }

    /// Nodes on different sides exchange nothing until [`Network::unite`] of the same number.
    pub(super) fn separate(&mut self, number: usize, sides: Vec<usize>) {
        self.partitions.push((number, sides));
    }

    pub(super) fn unite(&mut self, number: usize) {
        if let Some(at) = self.partitions.iter().position(|(other, _)| *other == number) {
            self.united = Some(self.partitions.remove(at).1);
        }
    }

    /// Whether a packet that arrives is the first one to cross the border of the partition that ended last.
    pub(super) fn reunites(&mut self, from: usize, to: usize) -> bool {
        self.united.take_if(|sides| sides[from] != sides[to]).is_some()
    }

    /// The nodes' own links lose these shares of what they send and of what is sent to them, until [`Network::repair`] of the same
    /// number.
    pub(super) fn impair(&mut self, number: usize, nodes: Vec<usize>, egress: f64, ingress: f64) {
        self.links.impair(number, nodes, egress, ingress);
    }

    pub(super) fn repair(&mut self, number: usize) {
        self.links.repair(number);
    }

    /// How full the queues of the uplinks were, if they have a rate.
    pub(super) fn uplinks(&self) -> Option<Uplinks> {
        self.spec.rate.map(|_| self.queues)
    }

    /// Whether no partition is between two nodes.
    pub(super) fn connects(&self, from: usize, to: usize) -> bool {
        self.partitions.iter().all(|(_, sides)| sides[from] == sides[to])
    }

    /// How long every packet between two nodes travels, if that is the same for all of them.
    pub(super) fn between(&self, from: usize, to: usize) -> Option<Duration> {
        match self.spec.latency {
            Latency::PerPair(least, most) => {
                let pair = (from.min(to) as u64) << 32 | from.max(to) as u64;
                Some(least + within(mix(self.pairs ^ mix(pair)), most - least))
            }
            Latency::Plane(least, most) => {
                let point = |node: usize| {
                    let drawn = mix(self.pairs ^ mix(node as u64));
                    [drawn >> 32, drawn & 0xffff_ffff].map(|axis| axis as f64 / f64::from(u32::MAX))
                };
                let (a, b) = (point(from), point(to));
                let share = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt() / f64::sqrt(2.0);
                Some(least + (most - least).mul_f64(share))
            }
            Latency::Fixed(_) | Latency::Uniform(..) => None,
        }
    }

    /// When the packet has left the uplink; `None` if its queue is full.
    fn depart(&mut self, now: Instant, from: usize, len: usize) -> Option<Instant> {
        let Some(bits_per_second) = self.spec.rate.map(u128::from) else { return Some(now) };
        let now_ns = u128::from(now.as_micros()) * 1000;
        let idle = self.uplinks[from].max(now_ns);
        let waiting = (idle - now_ns) * bits_per_second / 8_000_000_000;
        if waiting + len as u128 > u128::from(UPLINK_BYTES) {
            self.queues.dropped += 1;
            return None;
        }
        let waits = u64::try_from(waiting).unwrap_or(u64::MAX) + len as u64;
        self.queues.peak_bytes = self.queues.peak_bytes.max(waits);
        self.uplinks[from] = idle + len as u128 * 8_000_000_000 / bits_per_second;
        let micros = u64::try_from(self.uplinks[from].div_ceil(1000)).unwrap_or(u64::MAX);
        Some(Instant::from_micros(micros))
    }

    fn travel(&mut self, departs: Instant, from: usize, to: usize, len: usize) -> Delivery {
        let flipped = (self.random.chance(self.spec.corrupt) && len > 0).then(|| self.random.below(len * 8));
        let latency = match self.spec.latency {
            Latency::Fixed(latency) => latency,
            Latency::Uniform(least, most) => self.random.between(least, most),
            Latency::PerPair(..) | Latency::Plane(..) => self.between(from, to).unwrap_or_default(),
        };
        let extra = if self.spec.reorder.is_zero() {
            Duration::ZERO
        } else {
            self.random.between(Duration::ZERO, self.spec.reorder)
        };
        Delivery { at: departs + latency + extra, flipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 10_000;

    fn spec() -> Spec {
        Spec {
            latency: Latency::Fixed(Duration::from_millis(10)),
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            reorder: Duration::ZERO,
            rate: None,
        }
    }

    /// What becomes of packets that n0 sends to n1, one each second.
    fn fates(spec: &Spec) -> Vec<[Option<Delivery>; 2]> {
        let mut network = Network::new(spec, 4, 1);
        (0..PACKETS).map(|second| network.send(Instant::from_micros(second as u64 * 1_000_000), 0, 1, 100)).collect()
    }

    fn delays(spec: &Spec) -> Vec<u64> {
        let sent = |second: usize| Instant::from_micros(second as u64 * 1_000_000);
        let delay = |(second, fate): (usize, [Option<Delivery>; 2])| fate[0].unwrap().at.since(sent(second));
        fates(spec).into_iter().enumerate().map(delay).map(|delay| delay.as_micros() as u64).collect()
    }

    fn is_about(count: usize, share: f64) -> bool {
        (count as f64 / PACKETS as f64 - share).abs() < 0.01
    }

    #[test]
    fn a_perfect_network_delivers_each_packet_once_and_intact() {
        for fate in fates(&spec()) {
            assert!(matches!(fate, [Some(Delivery { flipped: None, .. }), None]), "{fate:?}");
        }
    }

    #[test]
    fn a_fixed_latency_is_that_of_every_packet() {
        assert!(delays(&spec()).iter().all(|delay| *delay == 10_000));
    }

    #[test]
    fn a_uniform_latency_fills_its_range() {
        let latency = Latency::Uniform(Duration::from_millis(5), Duration::from_millis(50));
        let delays = delays(&Spec { latency, ..spec() });
        assert!(delays.iter().all(|delay| (5_000..=50_000).contains(delay)));
        let mean = delays.iter().sum::<u64>() / delays.len() as u64;
        assert!((27_000..28_000).contains(&mean), "{mean}");
        assert!(*delays.iter().min().unwrap() < 5_100 && *delays.iter().max().unwrap() > 49_900);
    }

    #[test]
    fn a_latency_per_pair_stays_is_symmetric_and_differs_between_pairs() {
        let latency = Latency::PerPair(Duration::from_millis(5), Duration::from_millis(50));
        let mut network = Network::new(&Spec { latency, ..spec() }, 4, 1);
        let mut delay = |from, to| network.send(Instant::ZERO, from, to, 100)[0].unwrap().at.as_micros();
        assert_eq!(delay(0, 1), delay(0, 1));
        assert_eq!(delay(0, 1), delay(1, 0));
        assert_ne!(delay(0, 1), delay(0, 2));
    }

    #[test]
    fn latencies_of_a_plane_are_symmetric_within_their_range_and_keep_the_triangle_inequality() {
        let (least, most) = (Duration::from_millis(5), Duration::from_millis(50));
        let network = Network::new(&Spec { latency: Latency::Plane(least, most), ..spec() }, 64, 1);
        let far = |a, b| network.between(a, b).unwrap() - least;
        for (a, b, c) in (0..64).map(|node| (node, (node + 7) % 64, (node + 29) % 64)) {
            assert!(far(a, b) == far(b, a) && far(a, b) <= most - least);
            assert!(far(a, b) <= far(a, c) + far(c, b) + Duration::from_micros(1));
        }
        let all = (0..64).flat_map(|a| (0..a).map(move |b| far(a, b)));
        assert!(all.clone().min() < Some(least) && all.max() > Some(most / 2), "they fill the square");
    }

    #[test]
    fn losses_are_as_frequent_as_said() {
        let lost = fates(&Spec { loss: 0.1, ..spec() }).iter().filter(|fate| fate[0].is_none()).count();
        assert!(is_about(lost, 0.1), "{lost}");
    }

    #[test]
    fn in_rounds_two_nodes_lose_all_they_say_in_one_or_nothing_and_not_in_every_one() {
        let mut network = Network::new(&Spec { loss: 0.2, ..spec() }, 4, 1);
        let mut lost = 0;
        for round in 0..PACKETS as u64 {
            network.begin_round(round);
            let arrived =
                [(0, 1), (1, 0), (0, 1)].map(|(from, to)| network.send(Instant::ZERO, from, to, 9)[0].is_some());
            assert!(arrived == [arrived[0]; 3], "{arrived:?}");
            lost += usize::from(!arrived[0]);
        }
        assert!(is_about(lost, 0.2), "{lost}");
    }

    #[test]
    fn duplicates_are_as_frequent_as_said_and_travel_alone() {
        let latency = Latency::Uniform(Duration::from_millis(5), Duration::from_millis(50));
        let fates = fates(&Spec { duplicate: 0.2, latency, ..spec() });
        let twice = fates.iter().filter_map(|fate| fate[1].map(|second| (fate[0].unwrap(), second)));
        let twice = twice.collect::<Vec<_>>();
        assert!(is_about(twice.len(), 0.2), "{}", twice.len());
        assert!(twice.iter().filter(|(first, second)| first.at != second.at).count() > twice.len() / 2);
    }

    #[test]
    fn corruption_is_as_frequent_as_said_and_hits_every_bit() {
        let fates = fates(&Spec { corrupt: 0.3, ..spec() });
        let flipped = fates.iter().filter_map(|fate| fate[0].unwrap().flipped).collect::<Vec<_>>();
        assert!(is_about(flipped.len(), 0.3), "{}", flipped.len());
        let bits = flipped.iter().collect::<std::collections::BTreeSet<_>>();
        assert!(bits.len() > 750 && flipped.iter().all(|bit| *bit < 800), "{}", bits.len());
    }

    #[test]
    fn reordering_delays_up_to_its_bound() {
        let delays = delays(&Spec { reorder: Duration::from_millis(100), ..spec() });
        assert!(delays.iter().all(|delay| (10_000..=110_000).contains(delay)));
        assert!(*delays.iter().max().unwrap() > 105_000);
    }

    #[test]
    fn a_partition_separates_its_sides_only_and_only_while_it_lasts() {
        let mut network = Network::new(&spec(), 4, 1);
        let arrives = |network: &mut Network, from, to| network.send(Instant::ZERO, from, to, 100)[0].is_some();
        network.separate(7, vec![0, 0, 1, 1]);
        assert!(arrives(&mut network, 0, 1) && arrives(&mut network, 3, 2));
        assert!(!arrives(&mut network, 0, 2) && !arrives(&mut network, 2, 0));
        network.separate(8, vec![0, 1, 0, 1]);
        assert!(!arrives(&mut network, 0, 1), "two partitions add up");
        network.unite(7);
        assert!(arrives(&mut network, 0, 2) && !arrives(&mut network, 0, 1));
    }

    #[test]
    fn the_first_packet_over_a_border_that_is_gone_is_told_once() {
        let mut network = Network::new(&spec(), 4, 1);
        network.separate(7, vec![0, 0, 1, 1]);
        assert!(!network.reunites(0, 2), "it is there");
        network.unite(7);
        assert!(!network.reunites(0, 1) && !network.reunites(3, 2), "that is no border");
        assert!(network.reunites(2, 1) && !network.reunites(0, 2));
    }

    #[test]
    fn the_share_of_lost_packets_can_change() {
        let mut network = Network::new(&spec(), 4, 1);
        let lost = |network: &mut Network| {
            (0..PACKETS).filter(|_| network.send(Instant::ZERO, 0, 1, 100)[0].is_none()).count()
        };
        assert_eq!(lost(&mut network), 0);
        network.lose(0.2);
        assert!(is_about(lost(&mut network), 0.2));
    }

    #[test]
    fn an_uplink_sends_one_packet_after_the_other() {
        // 1 000 bytes at 8 Mbit/s take 1 ms.
        let mut network = Network::new(&Spec { rate: Some(8_000_000), ..spec() }, 4, 1);
        let mut arrival =
            |at, from| network.send(Instant::from_micros(at), from, 3, 1000)[0].map(|copy| copy.at.as_micros());
        assert_eq!(arrival(0, 0), Some(11_000));
        assert_eq!(arrival(0, 0), Some(12_000));
        assert_eq!(arrival(0, 1), Some(11_000), "each node has its own");
        assert_eq!(arrival(5_000, 0), Some(16_000), "an idle uplink saves nothing up");
    }

    #[test]
    fn a_full_uplink_drops_from_the_tail() {
        let mut network = Network::new(&Spec { rate: Some(8_000_000), ..spec() }, 4, 1);
        let arrived = (0..300).filter(|_| network.send(Instant::ZERO, 0, 1, 1000)[0].is_some()).count();
        assert_eq!(arrived, 256);
        let full = Uplinks { peak_bytes: 256_000, limit_bytes: 256_000, dropped: 44 };
        assert_eq!(network.uplinks(), Some(full));
    }

    #[test]
    fn the_same_seed_draws_the_same_fates_and_another_one_others() {
        let spec = Spec { loss: 0.5, ..spec() };
        let fates = |seed| {
            let mut network = Network::new(&spec, 4, seed);
            (0..64).map(|_| network.send(Instant::ZERO, 0, 1, 100)).collect::<Vec<_>>()
        };
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
    }
}
