//! The only module that uses sockets: HTTP up to the upgrade, and the WebSocket after it.
//!
//! [`http`] listens, answers requests and upgrades connections. [`socket`] reads and writes one client's messages.

mod http;
mod socket;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(crate) use self::http::echo_router;
#[cfg(all(feature = "testing", feature = "client"))]
pub(crate) use self::socket::serve_until_stopped;
#[cfg(feature = "testing")]
pub(crate) use self::socket::{Opening, serve};
