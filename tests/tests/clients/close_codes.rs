//! What each close code means to the client.

use dialogue::client::{CloseReason, ConnectionState};
use dialogue_tests::{TestServer, within};

use super::script::Script;
use super::{connect_as, connect_to, reach};

#[tokio::test]
async fn a_client_reconnects_after_these_codes_and_sends_its_resume_secret() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    for code in [1001, 1012, 4000, 4001, 4002, 4003, 4499, 1011, 1008] {
        served.close(code).await;
        served = script.accept().await;
        let connect = served.expect("connect").await;
        assert_eq!(connect["resume"], "r", "after {code}");
        served.say(super::script::connected()).await;
    }
    // 1006: the connection ends without a close.
    drop(served);
    let _served = script.accept_connected().await;
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
}

#[tokio::test]
async fn a_client_does_not_reconnect_after_these_codes_and_reports_the_code() {
    for code in [1002, 1003, 1007, 1009, 4500, 4501, 4502, 4503, 4504, 4999] {
        let script = Script::new().await;
        let url = script.url();
        let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
        served.close(code).await;
        let mut states = client.states();
        let closed = reach(&mut states, |state| *state != ConnectionState::Connected).await;
        let reason = "because".to_owned();
        assert_eq!(closed, ConnectionState::Closed(CloseReason::ByServer { code, reason }));
    }
}

#[tokio::test]
async fn a_client_that_the_server_disconnects_does_not_reconnect() {
    let server = TestServer::plain().await;
    let client = connect_as(&server, "ada").await;
    let mut states = client.states();
    server.here().clients()[0].disconnect().await;
    let closed = reach(&mut states, |state| matches!(state, ConnectionState::Closed(_))).await;
    assert!(
        matches!(
            closed,
            ConnectionState::Closed(CloseReason::ByServer { code: 4501, .. })
        ),
        "{closed:?}"
    );
    assert!(within("the end of the states", states.next()).await.is_none());
}
