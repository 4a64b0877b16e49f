//! The error of a whole program.

use std::io;

use crate::contract::ContractError;
#[cfg(feature = "runtime")]
use crate::delivery::TriggerError;
use crate::event::DefinitionError;
#[cfg(feature = "runtime")]
use crate::runtime::{BuildError, CreateRoomError, HistoryError, JoinError};

/// Any error of a program that uses Dialogue. Return it from `main`, so that `?` accepts every error of the API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be built.
    #[cfg(feature = "runtime")]
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The server cannot listen on the address. The address is in use, or it isn't an address of this machine.
    #[cfg(feature = "server")]
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server is stopping or has stopped. It cannot start again.
    #[cfg(feature = "server")]
    #[error("the server has stopped")]
    Stopped,
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
