//! The wire protocol as `docs/protocol.md` specifies it, spoken by a plain WebSocket client: every message, every error
//! code.

mod connecting;
mod events;
mod history;
mod malformed;
mod recovery;
mod rooms;
