//! The only place that knows sockets: HTTP, the WebSocket upgrade, the connection's task, the serve loop and the drain.

mod connection;
mod serve;
#[cfg(test)]
mod tests;
mod upgrade;
mod wire;
mod writer;
