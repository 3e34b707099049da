//! What a node costs that has nothing to do: so many in one process that all know each other, for a while, on each adapter. Needs Linux.
//!
//! ```text
//! cargo run --release --example idle-nodes -- tokio 64
//! cargo run --release --example idle-nodes -- smol 64
//! ```

use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use gossip_adapter_async_std::{Options, bind_on};
use gossip_core::{Config, Identity, NodeId};
use smol::Timer;

/// How long tables have to come to rest, and how long is measured.
const TIME: Duration = Duration::from_secs(15);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [runtime, count] = &args[..] else { return Err("usage: idle tokio|smol COUNT".into()) };
    let count = count.parse()?;
    match runtime.as_str() {
        "tokio" => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(true, count)),
        "smol" => smol::block_on(run(false, count)),
        other => Err(format!("no runtime {other}: tokio or smol").into()),
    }
}

async fn run(on_tokio: bool, count: usize) -> Result<(), Box<dyn Error>> {
    let before = resident_kb()?;
    let mut nodes = Vec::new();
    for number in 0..count {
        let me = Identity::new(NodeId::from_name(&number.to_string()), 1);
        let (addr, options) = ((Ipv4Addr::LOCALHOST, 0).into(), Options::new(me, Config::lan()));
        nodes.push(if on_tokio {
            gossip_adapter_tokio_udp::bind(addr, options).await?
        } else {
            bind_on(addr, options, |work| smol::spawn(work).detach()).await?
        });
    }
    for node in &nodes[1..] {
        node.handle().join(nodes[0].local_addr()).await?;
    }
    Timer::after(TIME).await;
    let fewest = nodes.iter().map(|node| node.handle().with(|node, _| node.members().live())).min();
    let (resident, busy, start) = (resident_kb()? - before, processor_seconds()?, Instant::now());
    Timer::after(TIME).await;
    let share = (processor_seconds()? - busy) / start.elapsed().as_secs_f64() / count as f64;
    println!(
        "{count} nodes, each knows {} or more: each takes {:.3} % of a processor, {:.0} kB resident, its share of the process included",
        fewest.unwrap_or(0),
        share * 100.0,
        resident / count as f64,
    );
    Ok(())
}

/// Of this process so far, in user and kernel mode (proc(5): clock ticks of 10 ms).
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let [user, kernel] = [11, 12].map(|at| fields.get(at).copied().unwrap_or_default().parse::<f64>());
    Ok((user? + kernel?) / 100.0)
}

/// Of this process now (proc(5): pages of 4 KiB).
fn resident_kb() -> Result<f64, Box<dyn Error>> {
    let pages: f64 = fs::read_to_string("/proc/self/statm")?.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * 4.096)
}
