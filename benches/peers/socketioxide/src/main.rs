//! socketioxide in the style of its documentation: typed data, and rooms. The query names the room to join. With
//! `REDIS_URL`, it shares its rooms with other servers through Redis.

use serde::{Deserialize, Serialize};
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{Data, SocketRef};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chat {
    text: String,
    sender_id: String,
}

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT")?.parse()?;
    let app = match std::env::var("REDIS_URL") {
        Ok(url) => {
            let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
            let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
            let (layer, io) = SocketIo::builder()
                .with_adapter::<RedisAdapter<_>>(adapter)
                .build_layer();
            io.ns("/", connected).await?;
            axum::Router::new().layer(layer)
        }
        Err(_) => {
            let (layer, io) = SocketIo::new_layer();
            io.ns("/", connected);
            axum::Router::new().layer(layer)
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(async move { axum::serve(listener, app).await }).await??;
    Ok(())
}

async fn connected<A: Adapter>(socket: SocketRef<A>) {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    let room = query.split('&').find_map(|pair| pair.strip_prefix("room="));
    let room = room.unwrap_or_default().to_owned();
    socket.join(room.clone());
    socket.on("message", async move |socket: SocketRef<A>, Data(chat): Data<Chat>| {
        // This fails only for clients whose queue is full.
        let _ = socket.within(room.clone()).emit("message", &chat).await;
    });
}
