//! The trait of a set of rooms. `rooms!` implements it for each block.

use super::asyncapi::{View, asyncapi};
use super::json_schema::json_schema;
use super::model::{Contract, ContractError};
use super::typescript::typescript;
use crate::room::RoomDeclaration;

/// All rooms of a server, as declared in one [`rooms!`](crate::rooms) block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of rooms",
    label = "not a set of rooms",
    note = "write the name at the top of `rooms! {{ … }}`, such as `Rooms` in `rooms! {{ Rooms; … }}`"
)]
pub trait RoomSet {
    /// The declarations, in order.
    #[doc(hidden)]
    fn declarations() -> &'static [&'static RoomDeclaration];

    /// A TypeScript module for these rooms. It contains the payload type of each event, the type `Rooms` with the
    /// events that clients may trigger and receive in each room, and a `DialogueClient` with these types. Save it as
    /// `client.d.ts` next to `client.js`. A server serves both under `/dialogue/`.
    ///
    /// ```
    /// # use dialogue::prelude::*;
    /// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # pub struct Message { text: String }
    /// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
    /// let module = Rooms::typescript()?;
    /// assert!(module.contains("export type Message = {\n  text: string;\n};"));
    /// # Ok::<(), dialogue::contract::ContractError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`ContractError`] if an event cannot be defined. A server with these rooms cannot be built either.
    fn typescript() -> Result<String, ContractError> {
        Ok(typescript(&Contract::of(Self::declarations(), &[])?))
    }

    /// One JSON Schema (draft 2020-12) of the envelopes of all events that clients receive in these rooms. Its `$defs`
    /// contain each payload type. For a room whose type is `Chat`, they also contain the events that clients receive
    /// there (`ChatEvents`) and the events that clients may trigger (`ChatTriggers`).
    ///
    /// # Errors
    ///
    /// As [`typescript`](Self::typescript).
    fn json_schema() -> Result<serde_json::Value, ContractError> {
        Ok(json_schema(&Contract::of(Self::declarations(), &[])?))
    }

    /// An AsyncAPI 3.0 document of these rooms, from the client's side: generators of clients can use it. Each room is a
    /// channel. Its `send` operation contains the events that clients may trigger, and its `receive` operation the events
    /// that clients receive. One more channel, `connection`, contains the other frames of the protocol. A server serves
    /// the document as `/dialogue/asyncapi.json`.
    ///
    /// The document contains no servers. [`AsyncApi`](super::AsyncApi) can add one, and can describe the server's side.
    ///
    /// # Errors
    ///
    /// As [`typescript`](Self::typescript).
    fn asyncapi() -> Result<serde_json::Value, ContractError> {
        Ok(asyncapi(&Contract::of(Self::declarations(), &[])?, View::Client, None))
    }
}
