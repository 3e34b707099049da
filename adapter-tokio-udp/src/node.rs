//! A running node and how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use gossip_handle::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How much longer than the node itself the adapter waits for a leave.
const LEAVE_GRACE: Duration = Duration::from_secs(1);

/// A node on its socket, from [`crate::bind`]. Dropping it stops it at once, as [`UdpNode::abort`] does.
#[derive(Debug)]
pub struct UdpNode {
    handle: Handle<SocketAddr>,
    local_addr: SocketAddr,
    leave_timeout: Duration,
    task: JoinHandle<()>,
    /// The stream lane's.
    lane: Option<JoinHandle<()>>,
}

impl UdpNode {
    pub(crate) fn new(
        handle: Handle<SocketAddr>,
        local_addr: SocketAddr,
        leave_timeout: Duration,
        task: JoinHandle<()>,
        lane: Option<JoinHandle<()>>,
    ) -> Self {
        Self { handle, local_addr, leave_timeout, task, lane }
    }

    /// What the application works with; clones of it may outlive the node, which is closed then.
    pub fn handle(&self) -> &Handle<SocketAddr> {
        &self.handle
    }

    /// The address the socket is bound to. Others may have to use another one: see `Options::advertise`.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Leaves the cluster, so that nobody takes the end for a failure, and closes the socket. Takes at most
    /// `membership.leave_timeout` and a second.
    pub async fn shutdown(mut self) {
        // The task ends by itself once the node has left.
        let left = async {
            self.handle.leave().await;
            end_of(&mut self.task).await;
        };
        if timeout(self.leave_timeout + LEAVE_GRACE, left).await.is_err() {
            tracing::warn!(local_addr = %self.local_addr, "the leave took too long: stopped without it");
            self.task.abort();
            end_of(&mut self.task).await;
        }
        self.end_lane().await;
    }

    /// Stops at once and closes the socket. To the others it looks like a crash.
    pub async fn abort(mut self) {
        self.task.abort();
        end_of(&mut self.task).await;
        self.end_lane().await;
    }

    /// Closes all connections, so that the port is free.
    async fn end_lane(&mut self) {
        if let Some(lane) = &mut self.lane {
            lane.abort();
            end_of(lane).await;
        }
    }
}

impl Drop for UdpNode {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(lane) = &self.lane {
            lane.abort();
        }
    }
}

async fn end_of(task: &mut JoinHandle<()>) {
    if let Err(error) = task.await
        && error.is_panic()
    {
        tracing::error!("the node's task panicked: {error}");
    }
}
