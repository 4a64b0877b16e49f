//! HTTP: the accept loop, the router, the WebSocket handshake, and the published documents.

#[cfg(target_os = "linux")]
mod descriptors;
mod documents;
#[cfg(feature = "testing")]
mod echo;
mod handshake;
mod http_socket;
mod raw;
mod request_clock;
mod request_framing;
mod router;
mod serve;
mod signals;
mod stall;
mod upgrade;

#[cfg(feature = "testing")]
pub(crate) use self::echo::router as echo_router;
#[cfg(test)]
pub(super) use self::serve::{HTTP_WRITE_DEADLINE, http_connection};
#[cfg(test)]
pub(super) use self::signals::{StopSignal, StopSignals};
