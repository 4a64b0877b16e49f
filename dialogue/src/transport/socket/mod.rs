//! One WebSocket: its inbound messages, its outbound frames, the client's commands, and the close.

mod adapter;
mod command_loop;
mod connect;
pub(super) mod duplex;
mod fast_path;
mod framing;
mod heartbeat;
mod inbound_rate;
mod interrupt;
mod liveness;
mod long_command;
pub(super) mod message_reader;
mod opening;
pub(super) mod prefix;
mod rate_limited_reader;
mod read_ahead;
mod sender;
mod task;
mod writer;

pub(crate) use self::opening::Opening;
#[cfg(any(test, feature = "testing"))]
pub(crate) use self::task::serve;
pub(crate) use self::task::serve_until_stopped;
