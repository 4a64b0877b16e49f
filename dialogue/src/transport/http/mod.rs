//! HTTP: the accept loop, the router, the WebSocket handshake, and the published documents.

mod connection;
#[cfg(target_os = "linux")]
mod descriptors;
mod documents;
#[cfg(feature = "testing")]
mod echo;
mod handshake;
mod http_socket;
mod listener;
mod raw;
mod request_clock;
mod request_framing;
mod router;
mod serve;
mod signals;
mod stall;
mod upgrade;

#[cfg(test)]
pub(super) use self::connection::{HTTP_WRITE_DEADLINE, http_connection};
#[cfg(feature = "testing")]
pub(crate) use self::echo::router as echo_router;
#[cfg(test)]
pub(super) use self::signals::{StopSignal, StopSignals};
