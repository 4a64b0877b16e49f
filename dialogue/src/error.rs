//! The error of a whole program.

use std::io;
use std::net::SocketAddr;

use crate::contract::ContractError;
use crate::delivery::TriggerError;
use crate::event::DefinitionError;
use crate::runtime::{BuildError, CreateRoomError, HistoryError, JoinError};

/// Anything that can go wrong in a program that uses Dialogue: what its `main` returns, so that `?` takes every error of
/// the API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The address cannot be listened on: it is taken, or not one of this machine's.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The server is stopping, or has stopped, and does not start again.
    #[error("the server has stopped")]
    Stopped,
    /// The deadline of the graceful shutdown passed before everything had ended; what still ran was ended by force.
    #[error("the drain did not end within its deadline; {remaining} tasks were left")]
    DrainTimedOut {
        /// How many connections and hooks were left.
        remaining: usize,
    },
    /// A trigger came to nothing.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// A room was not created.
    #[error(transparent)]
    CreateRoom(#[from] CreateRoomError),
    /// A client did not get into a room.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// History could not be had.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// An event cannot be defined.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A client's request, or its connection, came to nothing.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// The contract of rooms cannot be told.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Something else of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}
