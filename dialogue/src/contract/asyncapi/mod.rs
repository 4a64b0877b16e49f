//! The contract as an AsyncAPI 3.0 document.
//!
//! A channel is a room or a family, and its address is the room's id. One more channel, `connection`, is the WebSocket
//! itself, with the frames of the protocol that belong to no room: `connect`, `join`, replies, and so on. All channels
//! share that WebSocket. The payload of a message is the frame on the wire.
//!
//! Code generators read these documents. They know only a part of JSON Schema, so `draft_07`, `generators` and `titles`
//! rewrite the schemas. The result may accept more than the original, but never less.

mod builder;
mod connection;
mod document;
mod draft_07;
mod examples;
mod frames;
mod generators;
mod parts;
mod rooms;
mod server_url;
mod titles;
mod view;

pub use builder::AsyncApi;
pub(crate) use document::asyncapi;
#[cfg(feature = "runtime")]
pub(crate) use server_url::ServerUrl;
pub use view::View;
