//! A hook that fails has not refused: the client is told to try again, and nothing that it has is taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Builder, Dialogue, Limits};
use dialogue_tests::{CapturedLog, Chat, Record, Rooms, TestServer, message};
use serde_json::{Value, json};

use super::containment::{FAULTS, Fault};

/// Whether the hooks of a test fail now. Clones share it.
#[derive(Clone)]
struct Outage(Arc<AtomicBool>);

impl Outage {
    fn begun() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    fn is_over(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs in a hook: fails in this way during the outage, and returns `answer` after it.
fn during<T: Send + 'static>(
    outage: &Outage,
    fault: Fault,
    answer: T,
) -> impl Future<Output = Result<T, HookError>> + Send + use<T> {
    let over = outage.is_over();
    if !over {
        fault.at_once();
    }
    async move { if over { Ok(answer) } else { fault.then().await } }
}

/// Asserts that an error says "not now", and nothing about the cause.
#[track_caller]
fn assert_not_now(error: &Value, context: &str) {
    assert_eq!(error["type"], "error", "{context}: {error}");
    assert_eq!(error["code"], "UNAVAILABLE", "{context}: {error}");
    assert_eq!(error["retryAfter"], 1_000, "{context}: {error}");
    assert_eq!(
        error["message"], "it could not be checked: try again later",
        "{context}: {error}"
    );
    assert!(error.get("data").is_none(), "{context}: {error}");
}

fn limits() -> Limits {
    Limits::default()
        .with_hook_deadline(Duration::from_millis(50))
        .with_connect_deadline(Duration::from_millis(300))
}

#[tokio::test]
async fn a_sign_in_that_fails_is_not_refused_and_succeeds_later() {
    for second in [false, true] {
        for fault in FAULTS {
            let context = format!("{fault:?}, second: {second}");
            let (outage, log) = (Outage::begun(), CapturedLog::default());
            let fails = outage.clone();
            let mut builder = Dialogue::builder()
                .rooms::<Rooms>()
                .limits(limits())
                .logger(log.dispatch());
            if second {
                builder = builder.authenticate(|_| async { Ok(Identity::user("ada")) });
            }
            let builder = builder.authenticate(move |_| during(&fails, fault, Identity::user("ada")));
            let server = TestServer::start(builder).await;
            let mut client = server.open().await;
            client.send(json!({ "type": "connect", "id": 7, "protocol": 1 })).await;
            client.send(json!({ "type": "join", "id": 8, "roomId": "chat" })).await;
            let error = client.recv_type("error").await;
            assert_not_now(&error, &context);
            assert_eq!(error["id"], 7, "{context}");
            assert_eq!(client.expect_close().await, 4003, "{context}");
            assert!(server.here().clients().is_empty(), "{context}");
            assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
            log.line_with(&["ERROR", "authenticate", fault.logged()]).await;
            outage.end();
            server.open().await.connect(json!({})).await;
        }
    }
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_session_as_it_is_and_succeeds_later() {
    for fault in FAULTS {
        let context = format!("{fault:?}");
        let outage = Outage::begun();
        outage.end();
        let fails = outage.clone();
        let builder = Dialogue::builder().rooms::<Rooms>().limits(limits());
        let server = TestServer::start(builder.authenticate(move |handshake| {
            let claims = handshake.auth.clone();
            during(&fails, fault, Identity::user("ada").with_claims(claims))
        }))
        .await;
        let mut ada = server.open().await;
        ada.connect(json!("first")).await;
        ada.join("chat").await;
        outage.begin();
        let renewal = json!({ "type": "connect", "protocol": 1, "auth": "second" });
        assert_not_now(&ada.request(renewal.clone()).await, &context);
        let client = server.here().clients_of("ada")[0].clone();
        assert_eq!(*client.claims(), json!("first"), "{context}");
        assert_eq!(ada.say("chat", "still here").await["type"], "ok", "{context}");
        outage.end();
        assert_eq!(ada.request(renewal).await["type"], "connected", "{context}");
        assert_eq!(*client.claims(), json!("second"), "{context}");
    }
}

/// A hook that decides whether a client may do something in a room: how it is set, and with which request it runs.
#[derive(Debug, Clone, Copy)]
enum Deciding {
    BeforeJoin,
    BeforeJoinOf,
    Authorize,
    AuthorizeOf,
    BeforeEach,
    BeforeEachOf,
}

impl Deciding {
    const ALL: [Self; 6] = [
        Self::BeforeJoin,
        Self::BeforeJoinOf,
        Self::Authorize,
        Self::AuthorizeOf,
        Self::BeforeEach,
        Self::BeforeEachOf,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeJoin => "before_join",
            Self::BeforeJoinOf => "before_join_of",
            Self::Authorize => "authorize",
            Self::AuthorizeOf => "authorize_of",
            Self::BeforeEach => "before_each",
            Self::BeforeEachOf => "before_each_of",
        }
    }

    /// Sets a hook that agrees.
    fn agreeing(self, builder: Builder) -> Builder {
        match self {
            Self::BeforeJoin | Self::BeforeJoinOf => builder.before_join(|_, _| async { Ok(()) }),
            Self::Authorize | Self::AuthorizeOf => builder.authorize(|_, _, _, _| async { Ok(()) }),
            Self::BeforeEach | Self::BeforeEachOf => builder.before_each(|message, _| async { Ok(message) }),
        }
    }

    /// Sets a hook that fails during the outage.
    fn failing(self, builder: Builder, outage: Outage, fault: Fault) -> Builder {
        match self {
            Self::BeforeJoin => builder.before_join(move |_, _| during(&outage, fault, ())),
            Self::BeforeJoinOf => builder.before_join_of(move |_, _: Chat| during(&outage, fault, ())),
            Self::Authorize => builder.authorize(move |_, _, _, _| during(&outage, fault, ())),
            Self::AuthorizeOf => builder.authorize_of(move |_, _: Chat, _, _| during(&outage, fault, ())),
            Self::BeforeEach => builder.before_each(move |message, _| during(&outage, fault, message)),
            Self::BeforeEachOf => builder.before_each_of(move |message, _: Chat| during(&outage, fault, message)),
        }
    }

    fn is_about_joins(self) -> bool {
        matches!(self, Self::BeforeJoin | Self::BeforeJoinOf)
    }
}

#[tokio::test]
async fn a_deciding_hook_that_fails_is_no_refusal_whichever_it_is_and_however_it_fails() {
    for hook in Deciding::ALL {
        for second in [false, true] {
            for fault in FAULTS {
                let context = format!("{hook:?}, {fault:?}, second: {second}");
                let (outage, log) = (Outage::begun(), CapturedLog::default());
                let server = TestServer::with(|builder| {
                    let mut builder = builder.limits(limits()).logger(log.dispatch());
                    if second {
                        builder = hook.agreeing(builder);
                    }
                    hook.failing(builder, outage.clone(), fault)
                })
                .await;
                let mut ada = server.connect_as("ada").await;
                let join = json!({ "type": "join", "roomId": "chat" });
                let say = json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" } });
                let request = if hook.is_about_joins() {
                    join
                } else {
                    ada.join("chat").await;
                    say
                };
                let members = usize::from(!hook.is_about_joins());
                let error = ada.request(request.clone()).await;
                assert_not_now(&error, &context);
                assert_eq!(error["roomId"], "chat", "{context}");
                ada.assert_nothing_came().await;
                assert_eq!(
                    server.room(Chat).await.expect("the room").size().await,
                    members,
                    "{context}: nobody joins, and a present member stays"
                );
                log.line_with(&["ERROR", hook.name(), fault.logged()]).await;
                outage.end();
                assert_ne!(
                    ada.request(request).await["type"],
                    "error",
                    "{context}: it succeeds later"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_counts_once_every_hook_before_it_has_agreed() {
    let outage = Outage::begun();
    let fails = outage.clone();
    let server = TestServer::with(|builder| {
        builder
            .before_join(move |_, _| during(&fails, Fault::Error, ()))
            .before_join(|_, _| async { Err(Refusal::new("members only").with_data(json!({ "plan": "pro" })).into()) })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    let join = json!({ "type": "join", "roomId": "chat" });
    assert_not_now(&ada.request(join.clone()).await, "the first hook fails");
    outage.end();
    let error = ada.request(join).await;
    assert_eq!(
        (&error["code"], &error["message"], &error["data"]),
        (&json!("JOIN_DENIED"), &json!("members only"), &json!({ "plan": "pro" }))
    );
    assert!(error.get("retryAfter").is_none(), "{error}");
}

#[tokio::test]
async fn a_member_stays_while_its_check_after_a_renewal_fails() {
    let (outage, record) = (Outage::begun(), Record::default());
    outage.end();
    let (fails, noted) = (outage.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder.before_join(move |_, room| {
            noted.note(room.id().as_str());
            during(&fails, Fault::Error, ())
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    record.expect(&["chat"]).await;
    outage.begin();
    let renewed = ada
        .request(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } }))
        .await;
    assert_eq!(renewed["type"], "connected");
    record.expect(&["chat"]).await;
    ada.assert_nothing_came().await;
    assert!(server.is_in_room("ada", "chat").await);
    outage.end();
    record.expect(&["chat"]).await;
    assert_eq!(ada.say("chat", "still here").await["type"], "ok");
}

#[tokio::test]
async fn a_trigger_of_the_server_still_learns_how_before_each_failed() {
    let server = TestServer::with(|builder| builder.before_each(|_, _| async { Err("no database".into()) })).await;
    let error = server.trigger(Chat, message("hi")).await.expect_err("it failed");
    assert!(matches!(error, dialogue::TriggerError::HookFailed(_)), "{error:?}");
}
