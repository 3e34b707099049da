//! A running node and how it ends.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gossip_handle::Handle;

use crate::limit;
use crate::running::Running;
use crate::runtime::Timer;

/// How much longer than the node itself the adapter waits for a leave.
const LEAVE_GRACE: Duration = Duration::from_secs(1);

/// A node on its socket, from an adapter's `bind`. Dropping it stops it at once, as [`UdpNode::abort`] does.
pub struct UdpNode {
    handle: Handle<SocketAddr>,
    local_addr: SocketAddr,
    leave_timeout: Duration,
    /// For the leave.
    timer: Box<dyn Timer>,
    task: Running,
    /// The stream lane's.
    lane: Option<Running>,
}

impl UdpNode {
    pub(crate) fn new(
        handle: Handle<SocketAddr>,
        local_addr: SocketAddr,
        leave_timeout: Duration,
        timer: Box<dyn Timer>,
        task: Running,
        lane: Option<Running>,
    ) -> Self {
        Self { handle, local_addr, leave_timeout, timer, task, lane }
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
            self.task.ended().await;
        };
        self.timer.reset(Instant::now() + self.leave_timeout + LEAVE_GRACE);
        if limit::until(&mut *self.timer, left).await.is_none() {
            tracing::warn!(local_addr = %self.local_addr, "the leave took too long: stopped without it");
            self.task.abort();
            self.task.ended().await;
        }
        self.end_lane().await;
    }

    /// Stops at once and closes the socket. To the others it looks like a crash.
    pub async fn abort(self) {
        self.task.abort();
        self.task.ended().await;
        self.end_lane().await;
    }

    /// Closes all connections, so that the port is free.
    async fn end_lane(&self) {
        if let Some(lane) = &self.lane {
            lane.abort();
            lane.ended().await;
        }
    }
}

impl fmt::Debug for UdpNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpNode")
            .field("local_addr", &self.local_addr)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
