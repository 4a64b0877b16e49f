//! axum's WebSocket with a `tokio::sync::broadcast` channel per room. It parses nothing: the room gets every message
//! unchanged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::broadcast::{self, Sender};

/// More messages than the load tool ever keeps in flight, so no client lags. A client that lagged would be
/// disconnected, and the load tool would fail.
const CAPACITY: usize = 1024;

type Rooms = Arc<Mutex<HashMap<String, Sender<Utf8Bytes>>>>;

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT")?.parse()?;
    let app = Router::new().route("/ws", get(upgrade)).with_state(Rooms::default());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(async move { axum::serve(listener, app).await }).await??;
    Ok(())
}

async fn upgrade(
    upgrade: WebSocketUpgrade,
    Query(mut query): Query<HashMap<String, String>>,
    State(rooms): State<Rooms>,
) -> Response {
    let name = query.remove("room").unwrap_or_default();
    let room = rooms
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(name)
        .or_insert_with(|| broadcast::channel(CAPACITY).0)
        .clone();
    upgrade.on_upgrade(|socket| chat(socket, room))
}

async fn chat(mut socket: WebSocket, room: Sender<Utf8Bytes>) {
    let mut messages = room.subscribe();
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Ok(text) = message else { return };
                if socket.send(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => {
                    // This fails only without a subscriber, but this client subscribes.
                    let _ = room.send(text);
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
