//! Many nodes.

use gossip_core::Event;
use gossip_core::kv::Scope;

use crate::adapter::Adapter;
use crate::lab::run;

/// 64 nodes in one process join through one, all know all, and a message and a key reach each of them.
pub fn sixty_four_nodes_live_in_one_process<A: Adapter>(adapter: &A) {
    const NODES: usize = 64;
    run(adapter, "64 nodes live in one process", async |lab| {
        let names: Vec<String> = (0..NODES).map(|number| format!("node-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let members = lab.cluster(&names).await;
        let mut streams: Vec<_> = members[1..].iter().map(|member| lab.handle(member).events()).collect();
        let sender = lab.handle(&members[0]);
        assert!(sender.publish(b"topic", b"to all").is_ok(), "{}", lab.title());
        assert!(sender.set(Scope::Shared, b"key", b"value").is_ok(), "{}", lab.title());
        for (member, events) in members[1..].iter().zip(&mut streams) {
            let what = format!("{} gets the message", member.name);
            lab.within(&what, async {
                while !matches!(events.recv().await, Some(Event::Broadcast(message)) if message.payload() == b"to all")
                {
                }
            })
            .await;
        }
        lab.until_all(&members, "the key is there", |handle| handle.get(Scope::Shared, b"key").is_some()).await;
    });
}
