//! The router inside another application.

use axum::routing::get;
use dialogue::Dialogue;
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
