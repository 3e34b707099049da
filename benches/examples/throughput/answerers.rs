//! Who answers: a bare loop, or a node.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use gossip_adapter_tokio_udp::{BindError, Handle, Options, UdpNode};
use gossip_benches::identity;
use gossip_core::Config;
use rustix::event::{PollFd, PollFlags};

use crate::calls::{Batch, Socket, wait};

/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sends back what it receives.
    Bare,
    /// A node on a tokio runtime of one thread.
    Tokio,
    /// A node on smol's executor, on one thread.
    Smol,
}

/// One that runs, on a thread of its own.
pub(crate) struct Answerer {
    pub(crate) addr: SocketAddr,
    /// None for the bare loop.
    pub(crate) node: Option<Handle<SocketAddr>>,
    end: End,
    thread: JoinHandle<()>,
}

enum End {
    Flag(Arc<AtomicBool>),
    Channel(smol::channel::Sender<()>),
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Tokio, Self::Smol];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }

    pub(crate) fn start(self) -> Result<Answerer, Box<dyn Error>> {
        match self {
            Self::Bare => start_bare(),
            Self::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                start_node(move |ready, end| {
                    runtime.block_on(async {
                        run(gossip_adapter_tokio_udp::bind(any_port(), options()).await, ready, end).await;
                    });
                })
            }
            Self::Smol => start_node(|ready, end| {
                let executor = Arc::new(smol::Executor::new());
                let spawner = Arc::clone(&executor);
                smol::block_on(executor.run(async {
                    let spawn = move |work| spawner.spawn(work).detach();
                    run(gossip_adapter_async_std::bind_on(any_port(), options(), spawn).await, ready, end).await;
                }));
            }),
        }
    }
}

impl Answerer {
    pub(crate) fn stop(self) {
        match self.end {
            End::Flag(flag) => flag.store(true, Relaxed),
            End::Channel(channel) => drop(channel),
        }
        // A panic of it has been printed.
        _ = self.thread.join();
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn options() -> Options {
    Options::new(identity(0), Config::lan())
}

fn start_bare() -> Result<Answerer, Box<dyn Error>> {
    let socket = Socket::open()?;
    let addr = socket.io.local_addr()?;
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    let thread = thread::Builder::new().name("bare".to_owned()).spawn(move || {
        let mut batch = Batch::new();
        while !ended.load(Relaxed) {
            let received = socket.receive(&mut batch).expect("the socket works");
            if received == 0 {
                wait(&mut [PollFd::new(&socket.io, PollFlags::IN)]).expect("the socket works");
                continue;
            }
            let datagrams: Vec<_> = batch.datagrams(received).collect();
            socket.send(&datagrams).expect("the socket works");
        }
    })?;
    Ok(Answerer { addr, node: None, end: End::Flag(flag), thread })
}

type Ready = mpsc::Sender<Result<(SocketAddr, Handle<SocketAddr>), BindError>>;

fn start_node(
    drive: impl FnOnce(Ready, smol::channel::Receiver<()>) + Send + 'static,
) -> Result<Answerer, Box<dyn Error>> {
    let (ready, is_ready) = mpsc::channel();
    let (end, ended) = smol::channel::bounded(1);
    let thread = thread::Builder::new().name("node".to_owned()).spawn(move || drive(ready, ended))?;
    let (addr, handle) = is_ready.recv()??;
    Ok(Answerer { addr, node: Some(handle), end: End::Channel(end), thread })
}

/// Says where the node is, and lets it run until the channel is closed.
async fn run(node: Result<UdpNode, BindError>, ready: Ready, end: smol::channel::Receiver<()>) {
    let node = match node {
        Ok(node) => node,
        Err(error) => return drop(ready.send(Err(error))),
    };
    if ready.send(Ok((node.local_addr(), node.handle().clone()))).is_ok() {
        _ = end.recv().await;
    }
    node.abort().await;
}
