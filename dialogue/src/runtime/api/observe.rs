//! Observing a server from within its program: a stream of observations, and statistics.

use crate::runtime::core::Dialogue;
use crate::runtime::observe::observers::ObserveError;
use crate::runtime::observe::stats::{Stats, StoreStats};
use crate::runtime::observe::stream::Observations;

impl Dialogue {
    /// Starts to observe the server. Returns a stream of everything that happens on this node from now on, in every
    /// room and to every client. Use it to export metrics, traces and audit logs. For the application's own logic, use
    /// [`on`](Self::on) and hooks.
    ///
    /// A stream costs the server one lock for each observation, and the server never waits for the reader. While there
    /// is no observer, each observation costs one atomic load.
    ///
    /// ```
    /// # use dialogue::prelude::*;
    /// # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # pub struct Message { text: String }
    /// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
    /// use dialogue::observe::Observation;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
    /// let mut observations = dialogue.observe()?;
    /// dialogue.trigger(Chat, Message { text: "hi".into() }).await?;
    /// match observations.next().await {
    ///     Some(Ok(Observation::Event(event))) => println!("{} in {}", event.message.event, event.message.room_id),
    ///     Some(Ok(Observation::Refused { code, user, .. })) => println!("refused {code} to {user:?}"),
    ///     Some(Ok(_)) => {}
    ///     Some(Err(lagged)) => println!("{lagged}"),
    ///     None => println!("the server has stopped"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ObserveError::TooMany`] if the server has 16 observers. Each open page of the inspector is one of them.
    pub fn observe(&self) -> Result<Observations, ObserveError> {
        self.core.observe.stream()
    }

    /// Returns what this node has counted since it was built, and what it holds now. The server always counts, so a
    /// call only reads: it takes a few short locks and makes one pass over the codes. It is cheap enough to call every
    /// second.
    ///
    /// ```
    /// # use dialogue::Dialogue;
    /// use dialogue::protocol::CloseCode;
    ///
    /// # fn main() -> Result<(), dialogue::BuildError> {
    /// # let dialogue = Dialogue::builder().define_events([]).build()?;
    /// let stats = dialogue.stats();
    /// assert_eq!((stats.connections, stats.events_in), (0, 0));
    /// assert_eq!(stats.closes.of(CloseCode::SlowConsumer), stats.slow_consumers);
    /// for (code, count) in stats.refusals.iter() {
    ///     println!("refused {code}: {count}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let core = &self.core;
        let mut stats = core.observe.counted();
        (stats.connections, stats.users) = core.clients.count();
        stats.rooms = core.rooms.len();
        stats.history = core.history.log.size().into();
        stats.store = core.history.durable.as_ref().map(|store| {
            let health = store.health();
            StoreStats {
                failing: health.failing,
                waiting: health.waiting,
                waiting_bytes: health.waiting_bytes,
                bytes: health.bytes,
                ..core.observe.counted_of_store()
            }
        });
        stats
    }
}
