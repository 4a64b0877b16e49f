//! What is measured: something that writes events to a file.

use std::path::Path;
use std::time::Duration;

use dialogue::sqlite::Durability;

use crate::Outcome;
use crate::appends::Appends;
use crate::triggers::{ClientTriggers, ServerTriggers};

/// The text of an event: a short chat message.
pub(crate) const TEXT: &str =
    "Good morning! Has anybody seen the report from Tuesday? It should be in the usual folder.";

/// Writes events to a file of its own.
pub(crate) trait Subject {
    /// Writes events one after another. Returns how long each took.
    fn one_at_a_time(&mut self, events: usize) -> Outcome<Vec<Duration>>;

    /// Writes events. This many of them wait for their outcome at the same time.
    fn in_flight(&mut self, in_flight: usize, events: usize) -> Outcome<()>;

    /// How many transactions it has committed, and how many events were in them.
    fn committed(&self) -> (u64, u64);

    /// Closes the file and waits for that, because its last flush would slow down what follows. Checks that it has this
    /// many events, and returns the bytes of their texts.
    fn close(self: Box<Self>, events: usize) -> Outcome<u64>;
}

/// A way to the file that is compared with the bare loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The store alone.
    Appends,
    /// Triggers of the server: they have no keys.
    ServerTriggers,
    /// Triggers of clients, with keys, from the bytes of the frame to the bytes of `ok`.
    ClientTriggers,
}

/// What the rows of a way contain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) sender: &'static str,
    /// The connection in the rows of keys, as long as a real one. `None` without keys.
    pub(crate) connection: Option<&'static str>,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Appends, Self::ServerTriggers, Self::ClientTriggers];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Appends => "appends",
            Self::ServerTriggers => "server-triggers",
            Self::ClientTriggers => "client-triggers",
        }
    }

    pub(crate) const fn rows(self) -> Rows {
        match self {
            Self::Appends => Rows {
                sender: "ada",
                connection: Some("c1"),
            },
            Self::ServerTriggers => Rows {
                sender: "server",
                connection: None,
            },
            Self::ClientTriggers => Rows {
                sender: "ada",
                connection: Some("client-0123456789abcdef012345678"),
            },
        }
    }

    pub(crate) fn open(self, folder: &Path, durability: Durability, in_flight: usize) -> Outcome<Box<dyn Subject>> {
        Ok(match self {
            Self::Appends => Box::new(Appends::open(folder, durability)?),
            Self::ServerTriggers => Box::new(ServerTriggers::open(folder, durability)?),
            Self::ClientTriggers => Box::new(ClientTriggers::open(folder, durability, in_flight)?),
        })
    }
}

impl Rows {
    /// The text of an event up to its number.
    pub(crate) fn body(self) -> String {
        let sender = self.sender;
        format!(
            r#"{{"type":"event","event":"line","roomId":"bench","data":{{"text":"{TEXT}"}},"from":"{sender}","timestamp":1700000000000,"seq":"#
        )
    }
}
