//! A time limit for a future.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::runtime::Timer;

/// What `future` says, unless the timer is due before.
pub(crate) async fn until<T>(timer: &mut (impl Timer + ?Sized), future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => timer.poll_due(cx).map(|()| None),
    })
    .await
}
