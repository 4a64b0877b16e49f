//! The asynchronous stream of observations that `observe` returns.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use parking_lot::Mutex;

use super::bounded::Bounded;
use super::observation::Observation;
use super::observers::{ObserveError, Observer, Observers, Registration};

/// How many observations may wait for a reader. At 80,000 events per second, that is a tenth of a second.
const MAX_WAITING: usize = 8_192;

/// How many bytes of event frames and texts may wait for a reader.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// A stream of everything that happens in a server, from [`Dialogue::observe`](crate::Dialogue::observe). Drop it to stop
/// observing.
///
/// The server never waits for a reader. At most 8,192 observations wait for it, and at most 4 MiB of event frames and
/// texts. A reader that falls further behind loses the oldest observations, and receives [`Lagged`] instead of them. The
/// stream ends when the server has stopped, or when the server's last handle has been dropped.
///
/// Observations of one room arrive in the room's order, and observations of one client in the client's order. If two things
/// happen in different rooms at the same time, either may arrive first.
#[must_use = "a stream does nothing unless it is read"]
pub struct Observations {
    buffer: Arc<Buffer>,
    _place: Registration,
}

/// The reader was too slow, and has lost observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{missed} observations were missed")]
#[non_exhaustive]
pub struct Lagged {
    /// How many observations are lost.
    pub missed: u64,
}

/// The observations that wait for the reader.
struct Buffer(Mutex<Waiting>);

struct Waiting {
    observations: Bounded<Observation>,
    ended: bool,
    reader: Option<Waker>,
}

impl Observer for Buffer {
    fn observe(&self, observation: &Observation) {
        self.change(|waiting| waiting.observations.push(observation.clone(), observation.bytes()));
    }

    fn end(&self) {
        self.change(|waiting| waiting.ended = true);
    }
}

impl Buffer {
    /// Changes the buffer and wakes the reader.
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.0.lock();
        change(&mut waiting);
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Observations {
    pub(in crate::runtime) fn new(observers: &Arc<Observers>) -> Result<Self, ObserveError> {
        let buffer = Arc::new(Buffer(Mutex::new(Waiting {
            observations: Bounded::new(MAX_WAITING, MAX_WAITING_BYTES),
            ended: false,
            reader: None,
        })));
        let place = observers.add(Arc::clone(&buffer) as Arc<dyn Observer>)?;
        Ok(Self { buffer, _place: place })
    }

    /// The next observation; `None` once the server has stopped.
    ///
    /// # Errors
    ///
    /// [`Lagged`] if the reader was too slow. The stream continues with the oldest observation that is left.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: no observation is lost.
    pub async fn next(&mut self) -> Option<Result<Observation, Lagged>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Observation, Lagged>>> {
        let mut waiting = self.buffer.0.lock();
        let missed = waiting.observations.take_dropped();
        if missed > 0 {
            return Poll::Ready(Some(Err(Lagged { missed })));
        }
        if let Some(observation) = waiting.observations.pop() {
            return Poll::Ready(Some(Ok(observation)));
        }
        if waiting.ended {
            return Poll::Ready(None);
        }
        waiting.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Stream for Observations {
    type Item = Result<Observation, Lagged>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl std::fmt::Debug for Observations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observations").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn deleted(room: usize) -> Observation {
        Observation::RoomDeleted {
            room: room.to_string().into(),
        }
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_loses_the_oldest_observations_and_learns_how_many() {
        let observers = Arc::new(Observers::default());
        let mut observations = Observations::new(&observers).expect("a place");
        for number in 0..MAX_WAITING + 3 {
            observers.show(&deleted(number));
        }
        assert_eq!(observations.next().await, Some(Err(Lagged { missed: 3 })));
        for number in 3..MAX_WAITING + 3 {
            assert_eq!(observations.next().await, Some(Ok(deleted(number))));
        }
        assert!(observations.next().now_or_never().is_none(), "it waits for more");
    }

    #[tokio::test]
    async fn an_observation_and_the_end_each_wake_a_waiting_reader() {
        let observers = Arc::new(Observers::default());
        let mut observations = Observations::new(&observers).expect("a place");
        let shown = async {
            tokio::task::yield_now().await;
            observers.show(&deleted(1));
        };
        let (next, ()) = tokio::join!(observations.next(), shown);
        assert_eq!(next, Some(Ok(deleted(1))));
        let closed = async {
            tokio::task::yield_now().await;
            observers.close();
        };
        let (next, ()) = tokio::join!(observations.next(), closed);
        assert_eq!(next, None);
    }

    #[tokio::test]
    async fn waiting_observations_can_be_read_after_the_end() {
        let observers = Arc::new(Observers::default());
        let mut observations = Observations::new(&observers).expect("a place");
        observers.show(&deleted(1));
        observers.close();
        assert_eq!(observations.next().await, Some(Ok(deleted(1))));
        assert_eq!(observations.next().await, None);
        assert_eq!(observations.next().await, None, "it stays at its end");
    }

    #[test]
    fn dropping_the_stream_removes_the_observer() {
        let observers = Arc::new(Observers::default());
        let observations = Observations::new(&observers).expect("a place");
        assert!(!observers.is_empty());
        drop(observations);
        assert!(observers.is_empty());
    }
}
