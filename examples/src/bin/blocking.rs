//! A member of a cluster, driven as `gossip_examples::blocking` does it.

use std::error::Error;

use gossip_examples::blocking::Blocking;

fn main() -> Result<(), Box<dyn Error>> {
    gossip_examples::run::<Blocking>()
}
