//! The whole document.

use serde_json::{Value, json};

use super::parts::{Document, SIGN_IN};
use super::server_url::ServerUrl;
use super::view::View;
use super::{connection, rooms};
use crate::contract::model::Contract;
use crate::contract::names::Names;
use crate::contract::payload_types::PayloadTypes;
use crate::contract::typescript;

/// The document. Without a server, it says nothing about servers.
pub(crate) fn asyncapi(contract: &Contract, view: View, server: Option<&ServerUrl>) -> Value {
    let types = PayloadTypes::of(contract, typescript::reserved());
    let mut document = Document::new(view, &types);
    connection::add(&mut document);
    let mut channel_names = Names::besides([]);
    for room in &contract.rooms {
        // Two room sets may contain types with the same name.
        let key = channel_names.name(room.declaration.type_name, "", &room.pattern()).name;
        rooms::add(&mut document, contract, room, &key);
    }
    finish(document, contract, server)
}

fn finish(document: Document<'_>, contract: &Contract, server: Option<&ServerUrl>) -> Value {
    let side = match document.view {
        View::Client => "a client of a Dialogue server",
        View::Server => "a Dialogue server",
    };
    let mut whole = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dialogue",
            "version": contract.fingerprint(),
            "description": format!(
                "What {side} sends and receives. Each room is a channel, and all channels share one \
                 WebSocket. The version is the fingerprint that the server sends to each client in `connected`."
            ),
        },
        "defaultContentType": "application/json",
        "channels": document.channels,
        "operations": document.operations,
        "components": {
            "messages": document.messages,
            "schemas": document.schemas,
            "securitySchemes": { "signIn": {
                "type": "apiKey",
                "in": "password",
                "description": "The credentials of the application, as `auth` in the first frame, `connect`. An \
                                application may also sign users in by the cookies, headers or query of the \
                                WebSocket's request, or not at all.",
            } },
        },
    });
    if let Some(server) = server {
        whole["servers"] = json!({ "public": {
            "host": server.host,
            "pathname": server.path,
            "protocol": server.protocol,
            "title": "The server's WebSocket",
            "security": [{ "$ref": SIGN_IN }],
        } });
    }
    whole.sort_all_objects();
    whole
}
