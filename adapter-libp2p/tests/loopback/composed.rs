//! In one swarm with other protocols.

use std::time::Duration;

use gossip_adapter_libp2p::Behaviour;
use libp2p::swarm::{NetworkBehaviour, Swarm};
use libp2p::{PeerId, SwarmBuilder, identify, kad, noise, tcp, yamux};
use libp2p_swarm_test::SwarmExt as _;

use crate::support::{config, listen_at, live, until};

#[derive(NetworkBehaviour)]
struct Composed {
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
    gossip: Behaviour,
}

fn swarm() -> Swarm<Composed> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|key| {
            let me = PeerId::from(key.public());
            Composed {
                kad: kad::Behaviour::new(me, kad::store::MemoryStore::new(me)),
                identify: identify::Behaviour::new(identify::Config::new("/test/1".into(), key.public())),
                gossip: Behaviour::new(me, config()).unwrap(),
            }
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(10)))
        .build()
}

#[tokio::test]
async fn nodes_beside_kademlia_and_identify_find_each_other_over_quic() {
    let mut swarms = [swarm(), swarm(), swarm()];
    let contact = listen_at(&mut swarms[0], "/ip4/127.0.0.1/udp/0/quic-v1").await;
    for joining in &mut swarms[1..] {
        listen_at(joining, "/ip4/127.0.0.1/udp/0/quic-v1").await;
        joining.behaviour_mut().gossip.join(contact.clone()).unwrap();
    }
    let handles = swarms.each_ref().map(|swarm| swarm.behaviour().gossip.handle().clone());
    let tasks = swarms.map(|swarm| tokio::spawn(swarm.loop_on_next()));
    for handle in &handles {
        until(handle, "all are known", |cluster| live(cluster) == 3).await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
