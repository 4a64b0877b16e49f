//! The events of a room, as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use super::shared::ClientShared;
use crate::client::barrier::Queued;
use crate::client::buffer::{ItemBuffer, NextItem};
use crate::client::events::{Erasure, Recovery, RoomItem, RoomStreamError, decode};
use crate::client::listeners::{ListenerId, StartAt};
use crate::client::room_shared::RoomShared;
use crate::event::{EventMessage, Received};

/// The events of a room as a stream, returned by [`Joined::stream`](crate::client::Joined::stream). Dropping it ends
/// it.
///
/// A reader that falls further behind than [`ClientBuilder::buffer`](crate::client::ClientBuilder::buffer) allows loses
/// the oldest events and learns how many. The stream ends when the client has left the room or the connection is closed
/// for good.
#[must_use = "a stream does nothing unless it is read"]
pub struct RoomStream<M> {
    buffer: Arc<ItemBuffer<Queued<RoomItem>>>,
    listener: ListenerId,
    shared: Arc<RoomShared>,
    _client: Arc<ClientShared>,
    kind: std::marker::PhantomData<fn() -> M>,
}

impl<M: Received> RoomStream<M> {
    pub(super) fn new(client: Arc<ClientShared>, shared: Arc<RoomShared>) -> Self {
        let wants = |item: &RoomItem| {
            item.is_event_of(M::names())
                || item.is_erasure_for(M::names())
                || matches!(item, RoomItem::Recovered(Recovery::Gap(_)))
        };
        let (listener, buffer) = shared.listeners.listen(StartAt::Backlog, wants);
        Self {
            buffer,
            listener,
            shared,
            _client: client,
            kind: std::marker::PhantomData,
        }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`RoomStreamError`]. The stream continues after it.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: no event is lost.
    pub async fn next(&mut self) -> Option<Result<EventMessage<M>, RoomStreamError>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<EventMessage<M>, RoomStreamError>>> {
        loop {
            let item = match std::task::ready!(self.buffer.poll_next(context)) {
                NextItem::Item(queued) => queued.item,
                NextItem::Dropped(number) => return Poll::Ready(Some(Err(RoomStreamError::Lagged(number)))),
                NextItem::End => return Poll::Ready(None),
            };
            match item {
                RoomItem::Event(message, _) => {
                    return Poll::Ready(Some(decode(&message).map_err(RoomStreamError::from)));
                }
                RoomItem::Erased(erasure, _) => {
                    return Poll::Ready(Some(Err(RoomStreamError::Erased(Erasure::clone(&erasure)))));
                }
                RoomItem::Recovered(Recovery::Gap(gap)) => return Poll::Ready(Some(Err(RoomStreamError::Gap(gap)))),
                RoomItem::Recovered(Recovery::Complete) | RoomItem::Departed(_) => {}
            }
        }
    }
}

impl<M: Received> Stream for RoomStream<M> {
    type Item = Result<EventMessage<M>, RoomStreamError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<M> Drop for RoomStream<M> {
    fn drop(&mut self) {
        self.shared.listeners.remove(self.listener);
    }
}

impl<M> fmt::Debug for RoomStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomStream").finish_non_exhaustive()
    }
}
