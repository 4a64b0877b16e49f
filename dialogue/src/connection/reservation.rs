//! Space in an outbox for a reply that is about to be queued.
//!
//! Replies can be long, and several may be on their way to one client at a time. Each waits for its space first, so that a
//! client is not disconnected because of its own replies.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outbox::Outbox;

impl Outbox {
    /// Waits until a reply of `bytes` fits into the queue, and the space left over is at least as large as the current
    /// queue, or until the connection is closing. Until the reservation is dropped, no other reply gets the space. Queue
    /// the reply, and drop the reservation.
    pub(crate) fn reserve(&self, bytes: usize) -> impl Future<Output = Reservation<'_>> {
        SpaceWait::new(self, Some(bytes))
    }

    /// Waits until the connection is closing. Supports any number of waiters.
    pub(crate) async fn closing(&self) {
        drop(SpaceWait::new(self, None).await);
    }
}

/// Space for one reply. No other reply gets it until this is dropped.
#[must_use = "the space is given up when this is dropped"]
pub(crate) struct Reservation<'a> {
    outbox: &'a Outbox,
    bytes: usize,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut queue = self.outbox.queue.lock();
        queue.reserved -= self.bytes;
        let waiters = std::mem::take(&mut queue.space_waiters);
        drop(queue);
        waiters.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// Waits for space, or until the connection is closing.
struct SpaceWait<'a> {
    outbox: &'a Outbox,
    /// The space that is wanted; `None` to wait for the close only.
    bytes: Option<usize>,
    /// The number of this wait among the waits for this outbox, once it has had to wait.
    number: Option<u64>,
}

impl<'a> SpaceWait<'a> {
    fn new(outbox: &'a Outbox, bytes: Option<usize>) -> Self {
        Self {
            outbox,
            bytes,
            number: None,
        }
    }
}

impl<'a> Future for SpaceWait<'a> {
    type Output = Reservation<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reservation<'a>> {
        let outbox = self.outbox;
        let mut queue = outbox.queue.lock();
        let fits = |bytes: usize| {
            let enough = outbox.max_bytes.saturating_sub(bytes) / 2;
            queue.bytes + queue.reserved <= enough && queue.frames.len() + queue.taken <= outbox.max_frames / 2
        };
        // Nothing is queued for a connection that closes, so nothing has to fit.
        if queue.close.is_some() || self.bytes.is_some_and(fits) {
            let bytes = self.bytes.unwrap_or(0);
            queue.reserved += bytes;
            return Poll::Ready(Reservation { outbox, bytes });
        }
        let number = *self.number.get_or_insert_with(|| queue.next_space_waiter());
        match queue.space_waiters.iter_mut().find(|(other, _)| *other == number) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => queue.space_waiters.push((number, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for SpaceWait<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.outbox
                .queue
                .lock()
                .space_waiters
                .retain(|(other, _)| *other != number);
        }
    }
}
