//! A member of a cluster, driven as `gossip_examples::polled` does it.

use std::error::Error;

use gossip_examples::polled::Polled;

fn main() -> Result<(), Box<dyn Error>> {
    gossip_examples::run::<Polled>()
}
