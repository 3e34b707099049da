//! A directory of services: says what this process offers, lists what all offer, and tells what changes.
//!
//! ```text
//! directory web /ip4/127.0.0.1/tcp/7001
//! directory mail /ip4/127.0.0.1/tcp/7002 /ip4/127.0.0.1/tcp/7001
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use gossip_core::MemberChange::{Down, Left};
use gossip_core::kv::Scope;
use gossip_core::{Config, Event, Identity};
use tcp::{NodeId, Options, bind};
use tokio::main;
mod tcp;

#[main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [service, addr, contacts @ ..] = &args[..] else {
        return Err("usage: directory SERVICE BIND [CONTACT…]".into());
    };
    // The same name and a higher generation make the next start the same member's next life.
    let generation = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?;
    let me = Identity::new(NodeId::from_name(addr), generation);
    let node = bind(addr.parse()?, Options::new(me, Config::lan())).await?;
    let directory = node.handle();
    let (mut events, text) = (directory.events(), String::from_utf8_lossy);

    // Registers: nobody else can write this member's own keys.
    directory.set(Scope::Own(me.id), service.as_bytes(), node.local_addr().to_string().as_bytes())?;
    for contact in contacts {
        directory.join(contact.parse()?).await?;
    }

    // Lists what is known by now.
    directory.with(|node, _| {
        for entry in node.kv().iter() {
            println!("{} at {}", text(entry.key), text(entry.value));
        }
    });

    // Watches.
    while let Some(event) = events.recv().await {
        match event {
            Event::Kv(change) => match directory.get(change.scope, &change.key) {
                Some((at, _)) => println!("+ {} at {}", text(&change.key), text(&at)),
                None => println!("- {}", text(&change.key)),
            },
            Event::Members(changes) => {
                for gone in changes.iter().filter(|member| matches!(member.change, Down | Left)) {
                    println!("- all at {}", gone.addr);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
