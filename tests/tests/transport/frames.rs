//! Frames: violations of WebSocket's rules, size limits, and closing.

use dialogue::Limits;
use dialogue_tests::raw::{CONTINUATION, FIN, PING, TEXT, masked};
use dialogue_tests::{RawClient, TestServer, until, within};
use tokio_websockets::Message as WsMessage;

#[tokio::test]
async fn frames_that_break_websockets_rules_close_with_1002_or_1007() {
    let server = TestServer::plain().await;
    let mut healthy = server.joined("ada", "chat").await;
    let unmasked = b"\x81\x0f{\"type\":\"ping\"}".to_vec();
    let continued_by_text = [masked(TEXT, b"{"), masked(FIN | TEXT, b"}")].concat();
    for (violation, bytes, code) in [
        ("an unmasked frame", unmasked, 1002),
        ("RSV1", masked(FIN | 0x40 | TEXT, b"{}"), 1002),
        ("RSV2", masked(FIN | 0x20 | TEXT, b"{}"), 1002),
        ("RSV3", masked(FIN | 0x10 | TEXT, b"{}"), 1002),
        ("an unknown data opcode", masked(FIN | 0x3, b"{}"), 1002),
        ("an unknown control opcode", masked(FIN | 0xb, b""), 1002),
        ("a fragmented ping", masked(PING, b"x"), 1002),
        ("a ping of 126 bytes", masked(FIN | PING, &[0; 126]), 1002),
        (
            "a continuation without a message",
            masked(FIN | CONTINUATION, b"{}"),
            1002,
        ),
        ("a message inside a message", continued_by_text, 1002),
        ("a close of one byte", masked(FIN | 0x8, b"x"), 1002),
        (
            "a close with a reserved code",
            masked(FIN | 0x8, &1005u16.to_be_bytes()),
            1002,
        ),
        ("bad UTF-8", masked(FIN | TEXT, b"{\"type\":\"\xff\"}"), 1007),
        ("half a character", masked(FIN | TEXT, b"\xe2\x82"), 1007),
        ("a surrogate", masked(FIN | TEXT, b"\xed\xa0\x80"), 1007),
        (
            "a header claiming 2^63 - 1 bytes",
            [vec![0x81, 0xff], (u64::MAX >> 1).to_be_bytes().to_vec()].concat(),
            1009,
        ),
        (
            "a header claiming 2^64 - 1 bytes",
            [vec![0x81, 0xff], u64::MAX.to_be_bytes().to_vec()].concat(),
            1009,
        ),
    ] {
        let mut client = RawClient::connected(server.address()).await;
        client.write(&bytes).await;
        let received = client.expect_close().await;
        assert_eq!(received, code, "{violation}");
    }
    assert_eq!(healthy.say("chat", "all is well").await["type"], "ok");
}

#[tokio::test]
async fn a_binary_message_closes_with_1003() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.send_message(WsMessage::binary(&b"{\"type\":\"ping\"}"[..])).await;
    assert_eq!(ada.expect_close().await, 1003);
    let mut first = server.open().await;
    first
        .send_message(WsMessage::binary(&b"{\"type\":\"connect\",\"protocol\":1}"[..]))
        .await;
    assert_eq!(first.expect_close().await, 1003);
}

/// A `ping` request of exactly this many bytes.
fn ping_of(bytes: usize) -> Vec<u8> {
    let frame = |padding: usize| format!(r#"{{"type":"ping","padding":"{}"}}"#, "x".repeat(padding));
    let empty = frame(0).len();
    frame(bytes - empty).into_bytes()
}

#[tokio::test]
async fn a_message_at_the_limit_is_accepted_and_one_byte_more_closes_with_1009_whole_or_in_fragments() {
    let limit = 1_000;
    let server = TestServer::limited(Limits::default().with_message_bytes(limit)).await;
    for (bytes, accepted) in [(limit, true), (limit + 1, false)] {
        let payload = ping_of(bytes);
        let (half, rest) = payload.split_at(bytes / 2);
        let whole = masked(FIN | TEXT, &payload);
        let fragments = [masked(TEXT, half), masked(FIN | CONTINUATION, rest)].concat();
        for wire in [whole, fragments] {
            let mut client = RawClient::connected(server.address()).await;
            client.write(&wire).await;
            if accepted {
                let pong = client.recv().await.expect("a pong");
                assert_eq!(pong.payload, br#"{"type":"pong"}"#);
            } else {
                assert_eq!(client.expect_close().await, 1009);
            }
        }
    }
}

#[tokio::test]
async fn a_message_may_come_in_many_fragments_with_pings_between_them() {
    let server = TestServer::plain().await;
    let mut client = RawClient::connected(server.address()).await;
    let payload = br#"{"type":"ping","id":7}"#;
    client.send(TEXT, &payload[..1]).await;
    for byte in &payload[1..payload.len() - 1] {
        client.send(CONTINUATION, &[*byte]).await;
    }
    client.send(FIN | PING, b"still there?").await;
    client.send(FIN | CONTINUATION, &payload[payload.len() - 1..]).await;
    let pong = client.recv().await.expect("the answer to the WebSocket ping");
    assert_eq!((pong.opcode, pong.payload.as_slice()), (0xa, &b"still there?"[..]));
    let pong = client.recv().await.expect("the answer to the request");
    assert_eq!(pong.payload, br#"{"type":"pong","id":7}"#);
}

#[tokio::test]
async fn endless_fragments_are_cut_off_at_a_limit() {
    let server = TestServer::limited(Limits::default().with_message_bytes(1_000)).await;
    // A ping between the fragments does not end the message.
    for (piece, between) in [(&b"x"[..], None), (b"", None), (b"", Some(masked(FIN | PING, b"")))] {
        let mut client = RawClient::connected(server.address()).await;
        client.send(TEXT, piece).await;
        let mut fragments = masked(CONTINUATION, piece).repeat(1_000);
        fragments.extend(between.into_iter().flatten());
        let sent = async {
            let mut writes = 0;
            while writes < 1_000 && !client.is_closed().await {
                client.write(&fragments).await;
                writes += 1;
            }
            writes
        };
        assert!(within("the end of the connection", sent).await < 1_000);
        let code = client.expect_close().await;
        assert!(code == 1009 || code == 1006, "{code}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_or_empty_frames_closes_with_4503_while_other_clients_are_served() {
    let server = TestServer::plain().await;
    let mut healthy = server.joined("ada", "chat").await;
    for frame in [masked(FIN | PING, b""), masked(FIN | 0xa, b""), masked(FIN | TEXT, b"")] {
        let mut flooder = RawClient::connected(server.address()).await;
        flooder.write(&frame.repeat(1_000)).await;
        assert_eq!(healthy.say("chat", "hi").await["type"], "ok");
        assert_eq!(flooder.expect_close().await, 4503);
    }
}

#[tokio::test]
async fn a_close_is_answered_with_a_close() {
    let server = TestServer::plain().await;
    let mut client = RawClient::connected(server.address()).await;
    client.send(FIN | 0x8, &1000u16.to_be_bytes()).await;
    assert_eq!(client.expect_close().await, 1000);
    assert!(client.recv().await.is_none(), "then the server ends the connection");
    until("the removal of the client", || server.here().clients().is_empty()).await;
}
