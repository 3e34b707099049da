//! A member of a cluster on the command line, under smol: prints who comes and goes and what is said, and says each line it reads.
//!
//! ```text
//! cargo run --example agent-smol -- 127.0.0.1:7001
//! cargo run --example agent-smol -- 127.0.0.1:7002 127.0.0.1:7001
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use gossip_adapter_async_std::{Options, bind_on};
use gossip_core::{Config, Event, Identity, NodeId};
use smol::Unblock;
use smol::future::or;
use smol::io::{AsyncBufReadExt as _, BufReader};
use smol::stream::StreamExt as _;

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(run())
}

/// What happens next.
enum Next {
    Event(Event<SocketAddr>),
    Line(String),
    End,
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args.next().ok_or("usage: agent BIND [CONTACT]")?.parse()?;
    let contact: Option<SocketAddr> = args.next().map(|contact| contact.parse()).transpose()?;

    // The same name and a higher generation make the next start the same member's next life.
    let generation = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?;
    let me = Identity::new(NodeId::from_name(&addr.to_string()), generation);
    let node = bind_on(addr, Options::new(me, Config::lan()), |work| smol::spawn(work).detach()).await?;
    let cluster = node.handle().clone();
    println!("{} is up at {}", me.id, node.local_addr());

    let mut events = cluster.events();
    if let Some(contact) = contact {
        match cluster.join(contact).await {
            Ok(live) => println!("joined {live} members"),
            Err(failure) => println!("{failure}"),
        }
    }

    let mut lines = BufReader::new(Unblock::new(std::io::stdin())).lines();
    loop {
        let event = async { Ok(events.recv().await.map_or(Next::End, Next::Event)) };
        let line = async { lines.next().await.transpose().map(|line| line.map_or(Next::End, Next::Line)) };
        match or(event, line).await? {
            Next::Event(event) => print(event),
            Next::Line(line) => {
                if let Err(error) = cluster.publish(b"chat", line.as_bytes()) {
                    println!("not sent: {error}");
                }
            }
            Next::End => break,
        }
    }
    node.shutdown().await;
    Ok(())
}

fn print(event: Event<SocketAddr>) {
    match event {
        Event::Members(changes) => {
            for change in changes {
                println!("{} at {}: {:?}", change.id, change.addr, change.change);
            }
        }
        Event::Broadcast(message) => {
            println!("{}> {}", message.id.origin, String::from_utf8_lossy(message.payload()));
        }
        Event::Lagged(missed) => println!("too slow: missed {missed} events"),
        _ => {}
    }
}
