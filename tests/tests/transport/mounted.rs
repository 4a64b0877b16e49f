//! The router inside another application.

use axum::routing::get;
use dialogue::{Dialogue, Limits};
use dialogue_tests::{RawClient, Rooms, TestClient, within};

#[tokio::test]
async fn the_router_also_works_inside_an_application_served_by_axum() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .build()
        .expect("a server");
    let app = axum::Router::new()
        .route("/hello", get(|| async { "hello" }))
        .merge(dialogue.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(RawClient::http(address, &request("/hello")).await.0, 200);
    assert_eq!(RawClient::http(address, &request("/dialogue/ready")).await.0, 200);
    let mut ada = TestClient::connect_as(address, "ada").await;
    ada.join("chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
    assert_eq!(ada.expect_close().await, 1012);
    // The application's own server still listens; only Dialogue has stopped.
    assert_eq!(RawClient::upgrade(address, &[]).await.0, 503);
    assert_eq!(RawClient::http(address, &request("/dialogue/ready")).await.0, 503);
    assert_eq!(RawClient::http(address, &request("/hello")).await.0, 200);
}

#[tokio::test]
async fn start_router_serves_the_applications_own_routes() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    let app = axum::Router::new()
        .route("/hello", get(|| async { "hello" }))
        .merge(dialogue.router());
    let address = dialogue.start_router(([127, 0, 0, 1], 0), app).await.expect("a port");
    let hello = format!("GET /hello HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(RawClient::http(address, &hello).await.0, 200);
    assert_eq!(RawClient::upgrade(address, &[]).await.0, 101);
}

/// The line with which a served client connects relative to its own address.
const RELATIVE: &str = r#"const SOCKET_URL = new URL("ws", import.meta.url);"#;

#[tokio::test]
async fn a_router_nested_under_a_path_serves_a_client_that_finds_its_socket() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .inspector(|_| async { Ok(()) })
        .base_path("/live")
        .build()
        .expect("a server");
    let app = axum::Router::new().nest("/app", dialogue.router());
    let address = dialogue.start_router(([127, 0, 0, 1], 0), app).await.expect("a port");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let (status, module) = RawClient::text(address, get("/app/live/client.js")).await;
    assert_eq!(status, 200);
    assert_eq!(module.matches(RELATIVE).count(), 1);
    assert_eq!(module.matches("const SOCKET_URL").count(), 1);
    // `ws`, relative to the module's address.
    let mut ada = TestClient::open_with(address, "/app/live/ws", &[]).await;
    ada.connect(serde_json::json!({ "userId": "ada" })).await;
    // The inspector's page names its files relative to its own address, too.
    let (status, page) = RawClient::text(address, get("/app/live/inspect")).await;
    assert_eq!(status, 200);
    let files: Vec<_> = page
        .split(['"', '\''])
        .filter(|text| text.ends_with(".js") || text.ends_with(".css"))
        .collect();
    assert!(!files.is_empty(), "{page}");
    for file in files {
        assert!(!file.starts_with('/'), "{file}");
        assert_eq!(RawClient::text(address, get(&format!("/app/live/{file}"))).await.0, 200);
    }
    for path in ["ready", "client.d.ts", "asyncapi.json"] {
        assert_eq!(RawClient::text(address, get(&format!("/app/live/{path}"))).await.0, 200);
    }
}

#[tokio::test]
async fn a_mounted_server_that_stops_says_when_to_come_back() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = dialogue.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
    let request = format!(
        "GET /dialogue/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let (status, body) = RawClient::text(address, request).await;
    assert_eq!(status, 503);
    assert!(body.contains("stopping") && body.contains("reconnect"), "{body}");
}

#[tokio::test]
async fn all_routers_and_addresses_of_a_server_share_its_quotas() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(Limits::default().with_connections_per_address(1))
        .build()
        .expect("a server");
    let app = axum::Router::new()
        .nest("/one", dialogue.router())
        .nest("/two", dialogue.router());
    let mounted = dialogue.start_router(([127, 0, 0, 1], 0), app).await.expect("a port");
    let alone = dialogue.start(([127, 0, 0, 1], 0)).await.expect("a port");
    let request = |path: &str| {
        format!(
            "GET {path}/dialogue/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    };
    let (status, client) = RawClient::http(mounted, request("/one")).await;
    assert_eq!(status, 101);
    for (address, path) in [(mounted, "/one"), (mounted, "/two"), (alone, "")] {
        assert_eq!(RawClient::http(address, request(path)).await.0, 429, "{path}");
    }
    drop(client);
    within("a free place", async {
        while RawClient::http(mounted, request("/two")).await.0 != 101 {}
    })
    .await;
}
