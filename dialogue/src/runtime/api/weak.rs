//! The handle that does not keep its server alive.

use std::sync::{Arc, Weak};

use crate::runtime::core::{Core, Dialogue};

impl Dialogue {
    /// A handle that does not keep the server alive, for background tasks and for closures that the server itself owns,
    /// such as handlers.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dialogue::prelude::*;
    /// # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # pub struct Tick {}
    /// # rooms! { pub Rooms; pub Clock = "clock" { events: [], server_events: [Tick] } }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
    /// let server = dialogue.downgrade();
    /// let ticking = tokio::spawn(async move {
    ///     // Ends when the program has dropped the server.
    ///     while let Some(dialogue) = server.upgrade() {
    ///         let _ = dialogue.trigger(Clock, Tick {}).await;
    ///         drop(dialogue);
    ///         tokio::time::sleep(Duration::from_secs(1)).await;
    ///     }
    /// });
    /// drop(dialogue);
    /// ticking.await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakDialogue {
        WeakDialogue {
            core: Arc::downgrade(&self.core),
        }
    }
}

/// A handle to a server that does not keep it alive. [`Dialogue::downgrade`] returns it.
///
/// A server lives as long as one of its handles: a [`Dialogue`], a [`Client`](crate::Client), a
/// [`RoomHandle`](crate::RoomHandle), a subscription or a stream. A server that listens on an address lives until it
/// stops.
#[derive(Clone)]
pub struct WeakDialogue {
    core: Weak<Core>,
}

impl WeakDialogue {
    /// The server; `None` if it is gone. A server that has only stopped is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Dialogue> {
        Some(Dialogue {
            core: self.core.upgrade()?,
        })
    }
}

impl std::fmt::Debug for WeakDialogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeakDialogue").finish_non_exhaustive()
    }
}
