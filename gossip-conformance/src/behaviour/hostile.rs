//! Connections of strangers. For adapters that take none there is nothing to see.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::adapter::Adapter;
use crate::behaviour::broadcasts::delivered_once;
use crate::lab::{Lab, run};

/// How long a connection on loopback may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Whatever is said over connections, a cluster goes on and takes new members.
pub fn garbage_on_connections_disturbs_nobody<A: Adapter>(adapter: &A) {
    run(adapter, "garbage on connections disturbs nobody", async |lab| {
        let members = lab.cluster(&["a", "b"]).await;
        let Some(target) = adapter.stream_address(&members[0].node) else { return };
        let mut random = fastrand::Rng::with_seed(7);
        let mut held = Vec::new();
        for round in 0..60 {
            let mut noise = vec![0; random.usize(..5000)];
            random.fill(&mut noise);
            let begin: &[u8] = match round % 6 {
                0 => b"GET / HTTP/1.1\r\n\r\n",
                1 => b"gsp\x01\x1f\x0a\xff\xff\xff\xff",
                2 => b"gsp\x01\x1f\x0a\0\0\x01\0",
                3 => b"\x13/multistream/1.0.0\n",
                4 => b"\0",
                _ => b"",
            };
            let mut stream = connect(lab, target);
            // It may be closed already.
            _ = stream.write_all(&[begin, &noise].concat());
            held.push(stream);
        }
        lab.works(&members[1], &members[0], b"key").await;
        let newcomer = lab.start("c").await;
        lab.join(&newcomer, &lab.place(&members[0])).await;
        lab.works(&newcomer, &members[0], b"another").await;
        drop(held);
    });
}

/// Connections that say nothing and read nothing keep no member out.
pub fn connections_that_never_speak_nor_read_disturb_nobody<A: Adapter>(adapter: &A) {
    run(adapter, "connections that never speak nor read disturb nobody", async |lab| {
        let members = lab.cluster(&["a", "b", "c"]).await;
        let Some(target) = adapter.stream_address(&members[0].node) else { return };
        let held: Vec<_> = (0..100).map(|_| connect(lab, target)).collect();
        let newcomer = lab.start("d").await;
        lab.join(&newcomer, &lab.place(&members[0])).await;
        lab.works(&newcomer, &members[0], b"key").await;
        delivered_once(lab, &members, 100 << 10).await;
        drop(held);
    });
}

fn connect<A: Adapter>(lab: &Lab<'_, A>, target: SocketAddr) -> TcpStream {
    match TcpStream::connect_timeout(&target, CONNECT_LIMIT) {
        Ok(stream) => stream,
        Err(error) => panic!("{}: nobody takes connections at {target}: {error}", lab.title()),
    }
}
