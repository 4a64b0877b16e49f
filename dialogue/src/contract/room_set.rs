//! A set of rooms as a type: what `rooms!` makes of a block, and what can be told of it.

use super::asyncapi::asyncapi;
use super::json_schema::json_schema;
use super::model::{Contract, ContractError};
use super::typescript::typescript;
use crate::room::RoomDeclaration;

/// Every room of a server, as declared in one [`rooms!`](crate::rooms) block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of rooms",
    label = "not a set of rooms",
    note = "write the name at the top of `rooms! {{ … }}`, such as `Rooms` in `rooms! {{ Rooms; … }}`"
)]
pub trait RoomSet {
    /// What was declared, in order.
    #[doc(hidden)]
    fn declarations() -> &'static [&'static RoomDeclaration];

    /// A TypeScript module for these rooms: the payload type of each event, `Rooms` with what may be triggered and heard in
    /// each room, and a `DialogueClient` that knows them. Save it as `client.d.ts` beside `client.js`; a server serves
    /// both, under `/dialogue/`.
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
    /// [`ContractError`] when an event cannot be defined; a server with these rooms cannot be built then either.
    fn typescript() -> Result<String, ContractError> {
        Ok(typescript(&Contract::of(Self::declarations(), &[])?))
    }

    /// One JSON Schema (draft 2020-12) of every event that clients hear in these rooms, as an envelope. In its `$defs` are
    /// each payload, and for a room `chat` what is heard there (`chat/events`) and what clients may trigger
    /// (`chat/triggers`).
    ///
    /// # Errors
    ///
    /// As [`typescript`](Self::typescript).
    fn json_schema() -> Result<serde_json::Value, ContractError> {
        Ok(json_schema(&Contract::of(Self::declarations(), &[])?))
    }

    /// An AsyncAPI 3.0 document of these rooms, from the server's side: a channel for each room, whose `receive` operation
    /// is what clients may trigger and whose `send` operation what they hear. A server serves it as
    /// `/dialogue/asyncapi.json`.
    ///
    /// It names no servers; add them, and what else is to be said, before it is published elsewhere.
    ///
    /// # Errors
    ///
    /// As [`typescript`](Self::typescript).
    fn asyncapi() -> Result<serde_json::Value, ContractError> {
        Ok(asyncapi(&Contract::of(Self::declarations(), &[])?))
    }
}
