//! The builder of an AsyncAPI document.

use serde_json::Value;

use super::document::asyncapi;
use super::server_url::ServerUrl;
use super::view::View;
use crate::contract::model::{Contract, ContractError};
use crate::contract::room_set::RoomSet;
use crate::room::RoomDeclaration;

/// Describes the rooms of a set as an AsyncAPI 3.0 document. [`RoomSet::asyncapi`] is the short form.
///
/// ```
/// # use dialogue::prelude::*;
/// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// # pub struct Message { text: String }
/// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
/// use dialogue::contract::{AsyncApi, View};
///
/// let document = AsyncApi::of::<Rooms>()
///     .view(View::Server)
///     .server("wss://chat.example/dialogue/ws")
///     .build()?;
/// assert_eq!(document["servers"]["public"]["host"], "chat.example");
/// assert_eq!(document["operations"]["receiveInChat"]["action"], "receive");
/// # Ok::<(), dialogue::contract::ContractError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `build`"]
pub struct AsyncApi {
    declarations: &'static [&'static RoomDeclaration],
    view: View,
    server: Option<String>,
}

impl AsyncApi {
    /// Starts a document of the rooms `R`, from the client's side and without servers.
    pub fn of<R: RoomSet + ?Sized>() -> Self {
        Self {
            declarations: R::declarations(),
            view: View::default(),
            server: None,
        }
    }

    /// Sets the side of the connection that the document describes. The default is the client's side.
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// Adds the server at the URL of its WebSocket, such as `wss://chat.example/dialogue/ws`. A URL without a path means
    /// the path `/dialogue/ws`. By default, the document has no servers.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.server = Some(url.into());
        self
    }

    /// Makes the document.
    ///
    /// # Errors
    ///
    /// Returns a [`ContractError`] if an event cannot be defined, or if the server's URL is not a WebSocket's URL.
    pub fn build(self) -> Result<Value, ContractError> {
        let server = match self.server {
            None => None,
            Some(url) => match ServerUrl::parse(&url, "/dialogue/ws") {
                Some(server) => Some(server),
                None => return Err(ContractError::ServerUrl { url }),
            },
        };
        let contract = Contract::of(self.declarations, &[])?;
        Ok(asyncapi(&contract, self.view, server.as_ref()))
    }
}
