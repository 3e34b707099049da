//! A chat: says each line it reads to all members, and prints what they say.
//!
//! ```text
//! chat                                # prints the addresses where it listens
//! chat /ip4/127.0.0.1/tcp/PORT        # one of them
//! ```

use std::error::Error;

use futures_util::StreamExt as _;
use gossip_adapter_libp2p::{Behaviour, Config, Event};
use gossip_core::Event::{Broadcast, Members};
use libp2p::swarm::SwarmEvent;
use libp2p::{SwarmBuilder, noise, tcp, yamux};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key| Ok(Behaviour::new(key.public().to_peer_id(), Config::new(gossip_core::Config::lan()))?))?
        .build();
    swarm.listen_on("/ip4/0.0.0.0/tcp/0".parse()?)?;
    for contact in std::env::args().skip(1) {
        swarm.behaviour_mut().join(contact.parse()?)?;
    }

    let cluster = swarm.behaviour().handle().clone();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut typing = true;
    loop {
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => println!("listens at {address}"),
                SwarmEvent::Behaviour(Event::Node(Members(changes))) => {
                    for member in changes {
                        println!("* {}: {:?}", member.addr, member.change);
                    }
                }
                SwarmEvent::Behaviour(Event::Node(Broadcast(message))) => {
                    println!("{}> {}", message.id.origin, String::from_utf8_lossy(message.payload()));
                }
                SwarmEvent::Behaviour(Event::JoinFailed { contact, reason }) => println!("cannot join {contact}: {reason}"),
                _ => {}
            },
            line = lines.next_line(), if typing => match line? {
                Some(line) => if let Err(error) = cluster.publish(b"chat", line.as_bytes()) {
                    println!("not sent: {error}");
                },
                None => typing = false,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // The goodbye goes out while the swarm is driven.
    tokio::select! {
        () = cluster.leave() => {}
        () = async { while swarm.next().await.is_some() {} } => {}
    }
    Ok(())
}
