//! Answers requests of any listener: one task a connection, closed with patience.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::State;
use super::guard::Guard;
use super::patient::Patient;
use super::route::respond;

/// How long answers that are under way may take once the agent stops.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may take to say what it wants, and how long a connection may wait for its next request.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);

/// What connections come from.
pub(super) trait Accept: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The task that serves a listener.
pub(in crate::agent) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts answering. `leftover` is dropped as soon as no more connections are taken.
    pub(super) fn start(listener: impl Accept, leftover: impl Send + 'static, guard: Guard, state: Arc<State>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(accept(listener, leftover, guard, state, stopped)) }
    }

    /// Takes no more connections and lets answers that are under way finish.
    pub(in crate::agent) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!("the task of a listener failed: {error}");
        }
    }
}

async fn accept(
    listener: impl Accept,
    leftover: impl Send,
    guard: Guard,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(_) if connections.len() >= guard.max_connections() => state.http.refuse_connection(),
                Ok(stream) => {
                    connections.spawn(serve(stream, guard, Arc::clone(&state), stopped.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end free some.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    drop(leftover);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Streams have ended with the node; whoever still reads an answer has had the time for it.
    let _ = tokio::time::timeout(PATIENCE, finished).await;
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    guard: Guard,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond(state, guard, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, guard.patience())), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a client's connection ended: {error}");
    }
}
