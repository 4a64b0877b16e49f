//! The error of a whole program.

use std::fmt;
use std::io;

use crate::chain::causes;
use crate::contract::ContractError;
#[cfg(feature = "runtime")]
use crate::delivery::TriggerError;
use crate::event::DefinitionError;
#[cfg(feature = "runtime")]
use crate::runtime::{BuildError, CreateRoomError, HistoryError, JoinError, RoomUnavailable};

/// Any error of a program that uses Dialogue. Return it from `main`, so that `?` accepts every error of the API.
///
/// Rust prints the error that `main` returns with `Debug`. `Debug` of this type is therefore written for people. It
/// prints the error, and each of its causes on a line of its own:
///
/// ```text
/// Error: cannot listen on 127.0.0.1:3000: another program uses the port; stop that program, or choose another port
///
/// Caused by:
///     Address already in use (os error 98)
/// ```
///
/// `Display` prints only the error, and [`source`](std::error::Error::source) returns the cause.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be built.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The server cannot listen on the address. The address is in use, or it isn't an address of this machine.
    #[cfg(feature = "server")]
    #[error("cannot listen on {address}{}", remedy(source))]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The cluster cannot be used until somebody repairs it. The source says what is wrong, and what to do.
    #[cfg(feature = "server")]
    #[error("the server cannot use its cluster")]
    Cluster(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// The server is stopping or has stopped. It cannot start again.
    #[cfg(feature = "server")]
    #[error("the server has stopped")]
    Stopped,
    /// A hook, a handler or a route of a server waits until that server has stopped. This never happens, because the
    /// shutdown waits for this code. Nothing has been stopped.
    #[cfg(feature = "runtime")]
    #[error(
        "a hook, a handler or a route of a server cannot wait until that server has stopped: stop it in a task of its own \
         (tokio::spawn), and return"
    )]
    StopInHook,
    /// The graceful shutdown did not finish before its deadline. The server then ended the remaining tasks by force.
    #[cfg(feature = "runtime")]
    #[error("the graceful shutdown exceeded its deadline (drain_deadline); {remaining} tasks were left")]
    DrainTimedOut {
        /// How many connections and hooks were still running.
        remaining: usize,
    },
    /// A trigger failed.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// A room could not be looked up.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    FindRoom(#[from] RoomUnavailable),
    /// A room could not be created.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    CreateRoom(#[from] CreateRoomError),
    /// A client could not join a room.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    Join(#[from] JoinError),
    /// History could not be loaded.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    History(#[from] HistoryError),
    /// An event cannot be defined.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A request of a client failed, or its connection did.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// The contract of some rooms cannot be described.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Another error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What to do about the usual reason.
#[cfg(feature = "server")]
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ": another program uses the port; stop that program, or choose another port",
        _ => "",
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for (at, cause) in causes(self).enumerate() {
            if at == 0 {
                f.write_str("\n\nCaused by:")?;
            }
            write!(f, "\n    {cause}")?;
        }
        Ok(())
    }
}
