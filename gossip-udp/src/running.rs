//! Tasks that end when nobody holds them any more, on whatever runtime.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use crate::runtime::Runtime;
use crate::signal::Signal;

/// A task of a node. Dropped, it ends soon.
#[derive(Debug)]
pub(crate) struct Running {
    aborted: Arc<Signal>,
    ended: Arc<Signal>,
}

/// Tells, when it is dropped, that a task has ended: by itself, aborted, panicked, or with its runtime.
#[derive(Debug, Default)]
struct Ended(Arc<Signal>);

impl Running {
    pub(crate) fn start(runtime: &impl Runtime, task: impl Future<Output = ()> + Send + 'static) -> Self {
        let (aborted, ended) = (Arc::<Signal>::default(), Ended::default());
        let running = Self { aborted: Arc::clone(&aborted), ended: Arc::clone(&ended.0) };
        runtime.spawn(Box::pin(async move {
            // Dropped last: with the task's sockets closed.
            let _ended = ended;
            let mut task = pin!(task);
            poll_fn(|cx| match aborted.poll_raised(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => task.as_mut().poll(cx),
            })
            .await;
        }));
        running
    }

    /// Makes it end soon.
    pub(crate) fn abort(&self) {
        self.aborted.raise();
    }

    /// Waits until it has ended, and all that it held is dropped.
    pub(crate) async fn ended(&self) {
        poll_fn(|cx| self.ended.poll_raised(cx)).await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_raised()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("a task of a node panicked");
        }
        self.0.raise();
    }
}
