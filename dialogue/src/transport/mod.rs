//! The only place that knows sockets: HTTP, the WebSocket upgrade, the connection's task, the serve loop and the drain.

mod connection;
#[cfg(target_os = "linux")]
mod descriptors;
mod direct;
#[cfg(feature = "testing")]
mod echo;
mod framing;
mod handshake;
mod incoming;
mod line;
mod pace;
mod published;
mod serve;
mod socket;
mod stall;
#[cfg(test)]
mod tests;
mod unread;
mod upgrade;
mod whole;
mod wire;
mod writer;

#[cfg(all(feature = "testing", feature = "client"))]
pub(crate) use self::connection::serve_until_stopped;
#[cfg(feature = "testing")]
pub(crate) use self::{connection::serve, echo::router as echo_router};
