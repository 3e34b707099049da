//! Lossy links of single nodes, on top of what the network loses.

use crate::random::{Random, Stream};

#[derive(Debug)]
pub(super) struct Links {
    faults: Vec<Fault>,
    /// By node: shares lost of what it sends and of what is sent to it.
    egress: Vec<f64>,
    ingress: Vec<f64>,
    random: Random,
}

#[derive(Debug)]
struct Fault {
    number: usize,
    nodes: Vec<usize>,
    egress: f64,
    ingress: f64,
}

impl Links {
    pub(super) fn new(nodes: usize, seed: u64) -> Self {
        let random = Random::new(seed, Stream::Links);
        Self { faults: Vec::new(), egress: vec![0.0; nodes], ingress: vec![0.0; nodes], random }
    }

    /// Whether a packet is lost at either end.
    pub(super) fn loses(&mut self, from: usize, to: usize) -> bool {
        self.random.chance(self.egress[from]) | self.random.chance(self.ingress[to])
    }

    pub(super) fn impair(&mut self, number: usize, nodes: Vec<usize>, egress: f64, ingress: f64) {
        self.faults.push(Fault { number, nodes, egress, ingress });
        self.recount();
    }

    pub(super) fn repair(&mut self, number: usize) {
        self.faults.retain(|fault| fault.number != number);
        self.recount();
    }

    /// Faults of one node lose independently of each other.
    fn recount(&mut self) {
        self.egress.fill(0.0);
        self.ingress.fill(0.0);
        for fault in &self.faults {
            for node in &fault.nodes {
                self.egress[*node] = 1.0 - (1.0 - self.egress[*node]) * (1.0 - fault.egress);
                self.ingress[*node] = 1.0 - (1.0 - self.ingress[*node]) * (1.0 - fault.ingress);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 10_000;

    fn lost(links: &mut Links, from: usize, to: usize) -> f64 {
        (0..PACKETS).filter(|_| links.loses(from, to)).count() as f64 / PACKETS as f64
    }

    #[test]
    fn a_link_loses_in_its_own_direction_alone() {
        let mut links = Links::new(3, 1);
        links.impair(0, vec![1], 0.8, 0.0);
        assert!((lost(&mut links, 1, 0) - 0.8).abs() < 0.02);
        assert_eq!((lost(&mut links, 0, 1), lost(&mut links, 0, 2)), (0.0, 0.0));
        links.impair(1, vec![2], 0.0, 0.3);
        assert!((lost(&mut links, 0, 2) - 0.3).abs() < 0.02);
        assert_eq!(lost(&mut links, 2, 0), 0.0);
    }

    #[test]
    fn faults_add_up_independently_and_end_alone() {
        let mut links = Links::new(3, 1);
        links.impair(0, vec![1], 0.5, 0.0);
        links.impair(1, vec![1, 2], 0.5, 0.0);
        assert!((lost(&mut links, 1, 0) - 0.75).abs() < 0.02);
        links.repair(0);
        assert!((lost(&mut links, 1, 0) - 0.5).abs() < 0.02);
        links.repair(1);
        assert_eq!(lost(&mut links, 1, 0), 0.0);
    }
}
