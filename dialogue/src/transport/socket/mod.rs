//! One WebSocket: messages in, frames out, the client's commands in between, and the end of the connection.

mod adapter;
pub(super) mod duplex;
mod fast_path;
mod framing;
mod inbound_rate;
pub(super) mod message_reader;
pub(super) mod prefix;
mod sender;
mod task;
mod writer;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::task::serve;
pub(crate) use self::task::serve_until_stopped;
