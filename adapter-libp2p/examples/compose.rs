//! One swarm with gossip, Kademlia and identify, over TCP, Noise and Yamux and over QUIC: each knows what the others find.
//!
//! ```text
//! compose                             # prints the addresses where it listens
//! compose /ip4/127.0.0.1/udp/PORT/quic-v1
//! ```
//!
//! Members learnt by gossip are peers that Kademlia may ask, once identify has said that they speak it; peers that Kademlia
//! knows can be dialled by gossip, too.

use std::error::Error;

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Event};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, SwarmBuilder, identify, kad, noise, tcp, yamux};

#[derive(NetworkBehaviour)]
struct Composed {
    gossip: Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
}

impl Composed {
    fn new(key: &Keypair) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let me = PeerId::from(key.public());
        Ok(Self {
            gossip: Behaviour::new(me, Config::new(gossip_core::Config::lan()))?,
            kad: kad::Behaviour::new(me, kad::store::MemoryStore::new(me)),
            identify: identify::Behaviour::new(identify::Config::new("/compose/1".into(), key.public())),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(Composed::new)?
        .build();
    swarm.behaviour_mut().kad.set_mode(Some(kad::Mode::Server));
    swarm.listen_on("/ip4/0.0.0.0/tcp/0".parse()?)?;
    swarm.listen_on("/ip4/0.0.0.0/udp/0/quic-v1".parse()?)?;
    for contact in std::env::args().skip(1) {
        swarm.behaviour_mut().gossip.join(contact.parse()?)?;
    }
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => println!("listens at {address}"),
            SwarmEvent::Behaviour(ComposedEvent::Gossip(Event::Node(event))) => println!("gossip: {event:?}"),
            SwarmEvent::Behaviour(ComposedEvent::Gossip(event)) => println!("{event:?}"),
            SwarmEvent::Behaviour(ComposedEvent::Kad(kad::Event::RoutingUpdated { peer, .. })) => {
                println!("kademlia: knows {peer}");
            }
            SwarmEvent::Behaviour(ComposedEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                let speaks_kad = info.protocols.contains(&kad::PROTOCOL_NAME);
                println!("identify: {peer_id}, kademlia: {speaks_kad}");
                for address in info.listen_addrs.into_iter().filter(|_| speaks_kad) {
                    swarm.behaviour_mut().kad.add_address(&peer_id, address);
                }
            }
            _ => {}
        }
    }
}
