//! A member of a cluster on the command line: prints who comes and goes and what is said, and says each line it reads.
//!
//! ```text
//! cargo run -p gossip-adapter-tokio-udp --example agent -- 127.0.0.1:7001
//! cargo run -p gossip-adapter-tokio-udp --example agent -- 127.0.0.1:7002 127.0.0.1:7001
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use gossip_adapter_tokio_udp::{Options, bind};
use gossip_core::{Config, Event, Identity, NodeId};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args.next().ok_or("usage: agent BIND [CONTACT]")?.parse()?;
    let contact: Option<SocketAddr> = args.next().map(|contact| contact.parse()).transpose()?;

    // The same name and a higher generation make the next start the same member's next life.
    let generation = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?;
    let me = Identity::new(NodeId::from_name(&addr.to_string()), generation);
    let node = bind(addr, Options::new(me, Config::lan())).await?;
    let cluster = node.handle().clone();
    println!("{} is up at {}", me.id, node.local_addr());

    let mut events = cluster.events();
    if let Some(contact) = contact {
        match cluster.join(contact).await {
            Ok(live) => println!("joined {live} members"),
            Err(failure) => println!("{failure}"),
        }
    }

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut typing = true;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => print(event),
                None => break,
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
