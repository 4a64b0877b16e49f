//! Handlers and streams: the server's own code receives events without delaying their delivery to clients.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;

use crate::connection::ClientState;
use crate::event::{DecodeError, EventMessage, Received};
use crate::hook::{HookError, HookOutcome};
use crate::room::ListenScope;
use crate::runtime::core::{Client, Core, RoomHandle};
use crate::runtime::handlers::listeners::{AppliedEvent, ListenerKey, Next, SharedMessage, StreamBuffer};
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::lag::Lagging;
use crate::serial::{SerialQueue, spawn_job};

/// A registered handler. [`Dialogue::on`](crate::Dialogue::on) and [`RoomHandle::on`](crate::RoomHandle::on) return it.
///
/// Dropping the `Subscription` does not end the handler; [`unsubscribe`](Self::unsubscribe) does.
#[derive(Clone)]
pub struct Subscription {
    core: Arc<Core>,
    key: ListenerKey,
    dropped: Arc<AtomicU64>,
}

impl Subscription {
    /// Unregisters the handler. The handler still receives the events that are already in its queue.
    pub fn unsubscribe(&self) {
        self.core.listeners.remove(self.key);
    }

    /// How many events the handler missed because its queue was full
    /// ([`Limits::handler_queue`](crate::Limits::handler_queue)).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// Registers `handler`, which runs for each event of `scope`, in order. It receives the event's room, and the client of
/// this node that triggered the event, if there is one.
pub(in crate::runtime) fn subscribe<M, F, Fut>(core: &Arc<Core>, scope: ListenScope, handler: F) -> Subscription
where
    M: Received,
    F: Fn(EventMessage<M>, RoomHandle, Option<Client>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HookOutcome> + Send + 'static,
{
    core.lifecycle.tasks.note_runtime();
    let (queue, handler) = (SerialQueue::default(), Arc::new(handler));
    let dropped = Arc::new(AtomicU64::new(0));
    let sink = {
        let (core, dropped) = (Arc::downgrade(core), Arc::clone(&dropped));
        move |event: AppliedEvent<'_>| {
            let Some(core) = core.upgrade() else { return };
            let waiting = core.observe.handler_lag().add();
            let (room, sender) = (core.room(event.room), event.sender.map(|sender| core.client(sender)));
            let (depth, handler) = (depth(), Arc::clone(&handler));
            let job = handle(
                Arc::clone(&core),
                Arc::clone(event.message),
                event.sender.cloned(),
                waiting,
                depth,
                move |message| handler(message, room, sender),
            );
            if queue
                .push(core.limits.handler_queue, &core.lifecycle.tasks, Box::pin(job))
                .is_none()
            {
                note_dropped(&core, event.message, &dropped);
            }
        }
    };
    let key = core.listeners.add(scope, M::names(), sink);
    Subscription {
        core: Arc::clone(core),
        key,
        dropped,
    }
}

/// Runs a handler for an event. `depth` is the recursion depth of the code that triggered the event. `waiting` counts
/// the event as waiting until the handler starts.
async fn handle<M, F, Fut>(
    core: Arc<Core>,
    message: SharedMessage,
    sender: Option<Arc<ClientState>>,
    waiting: Lagging,
    depth: usize,
    handler: F,
) where
    M: Received,
    F: FnOnce(EventMessage<M>) -> Fut,
    Fut: Future<Output: HookOutcome>,
{
    drop(waiting);
    // Decoding the data and formatting the error also run the application's code.
    let handled = async {
        match decode::<M>(&message) {
            Ok(message) => handler(message).await.into_result(),
            Err(error) => Err(error.into()),
        }
        .map_err(|error| HookError::Failed(error.into_failure()))
    };
    let involved = Involved::event(&message).sent_by(sender.as_deref());
    let _logged = core.run_hook("on", involved, depth, || handled).await;
}

/// Counts an event that a handler misses, and logs the loss. The caller holds the room's lock.
fn note_dropped(core: &Arc<Core>, message: &SharedMessage, dropped: &AtomicU64) {
    core.observe.handler_lag().note_dropped();
    let dropped = dropped.fetch_add(1, Ordering::Relaxed) + 1;
    // Logs only when the count reaches a power of two, so that the loss is visible but does not flood the log.
    if dropped.is_power_of_two() {
        // In a task, because the subscriber of `tracing` may call the server.
        let (logging, message) = (Arc::clone(core), Arc::clone(message));
        spawn_job(&core.lifecycle.tasks, move || async move {
            logging.log(|| {
                tracing::error!(room = %message.room_id, event = %message.event, dropped,
                    "a handler is too slow and misses events");
            });
        });
    }
}

fn decode<M: Received>(message: &SharedMessage) -> Result<EventMessage<M>, DecodeError> {
    let data = M::decode(&message.event, &message.data)?;
    Ok(message.with_data(data))
}

/// The events of a room as a stream. [`Dialogue::stream`](crate::Dialogue::stream) and
/// [`RoomHandle::stream`](crate::RoomHandle::stream) return it. Dropping it ends the stream.
///
/// A reader that falls more than [`Limits::handler_queue`](crate::Limits::handler_queue) events behind loses the oldest
/// events and receives [`StreamError::Lagged`], as with `tokio::sync::broadcast`. The stream ends when the server
/// stops.
#[must_use = "a stream does nothing unless it is read"]
pub struct EventStream<M> {
    buffer: Arc<StreamBuffer>,
    core: Arc<Core>,
    key: ListenerKey,
    kind: PhantomData<fn() -> M>,
}

/// An error that a stream yields instead of an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The reader was too slow and missed this many events.
    #[error("the reader was too slow and missed {0} events")]
    Lagged(u64),
    /// The data of an event cannot be decoded as the stream's type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Ends a stream's buffer when its listener is dropped.
struct EndOnDrop(Arc<StreamBuffer>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<M: Received> EventStream<M> {
    pub(in crate::runtime) fn new(core: &Arc<Core>, scope: ListenScope) -> Self {
        let lag = core.observe.handler_lag();
        let buffer = Arc::new(StreamBuffer::new(core.limits.handler_queue, Arc::clone(lag)));
        let listener = EndOnDrop(Arc::clone(&buffer));
        let key = core.listeners.add(scope, M::names(), move |event| {
            listener.0.push(Arc::clone(event.message))
        });
        Self {
            buffer,
            core: Arc::clone(core),
            key,
            kind: PhantomData,
        }
    }

    /// Waits for the next event; `None` once the server has stopped.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. The stream continues after an error.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: no event is lost.
    pub async fn next(&mut self) -> Option<Result<EventMessage<M>, StreamError>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<EventMessage<M>, StreamError>>> {
        self.buffer.poll_next(context).map(|next| match next {
            Next::Event(message) => Some(decode(&message).map_err(StreamError::from)),
            Next::Dropped(count) => Some(Err(StreamError::Lagged(count))),
            Next::End => None,
        })
    }
}

impl<M: Received> Stream for EventStream<M> {
    type Item = Result<EventMessage<M>, StreamError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<M> Drop for EventStream<M> {
    fn drop(&mut self) {
        self.core.listeners.remove(self.key);
    }
}

impl<M> std::fmt::Debug for EventStream<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}
