//! The two sides of a connection.

/// The side of a connection that an AsyncAPI document describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// The client's side, for generators of clients: the client sends commands and triggers, and receives replies and
    /// events. This is the default.
    #[default]
    Client,
    /// The server's side: the server receives commands and triggers, and sends replies and events.
    Server,
}
