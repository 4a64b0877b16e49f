//! `stop` in code that it would wait for fails at once, and stops nothing.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Builder, Dialogue, Limits, WeakDialogue};
use dialogue_tests::{Booth, Chat, Message, Project, Record, Rooms, TestClient, TestServer, message, within};
use futures_util::FutureExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Calls `stop` of a server in various places, and notes each place where it fails as it must.
#[derive(Clone, Default)]
struct Stopper {
    server: Arc<OnceLock<WeakDialogue>>,
    refused: Record,
}

impl Stopper {
    fn stop(&self, place: &'static str) -> impl Future<Output = ()> + Send + 'static + use<> {
        let Self { server, refused } = self.clone();
        async move {
            let dialogue = server.get().and_then(WeakDialogue::upgrade).expect("a server");
            refused.note(match dialogue.stop().await {
                Ok(()) => format!("{place} has stopped the server"),
                Err(error) if error.to_string().contains("tokio::spawn") => place.to_owned(),
                Err(error) => format!("{place}: {error}"),
            });
        }
    }

    /// The same for code that cannot wait.
    fn stop_now(&self, place: &'static str) {
        if self.stop(place).now_or_never().is_none() {
            self.refused.note(format!("{place} would have waited"));
        }
    }

    fn is_for(&self, dialogue: &Dialogue) {
        assert!(self.server.set(dialogue.downgrade()).is_ok());
    }

    async fn expect(&self, places: &[&str]) {
        let mut seen = Vec::new();
        while seen.len() < places.len() {
            seen.push(self.refused.next().await);
        }
        seen.sort();
        let mut places = places.to_vec();
        places.sort_unstable();
        assert_eq!(seen, places);
    }
}

fn configured(stopper: &Stopper) -> Builder {
    let of = |place: &'static str| {
        let stopper = stopper.clone();
        move || stopper.stop(place)
    };
    let (on_connected, on_disconnected) = (of("on_connected"), of("on_disconnected"));
    let (before_join, on_joined, on_left) = (of("before_join"), of("on_joined"), of("on_left"));
    let (on_room_created, on_room_deleted) = (of("on_room_created"), of("on_room_deleted"));
    let (authorize, before_each, on_triggered) = (of("authorize"), of("before_each"), of("on_triggered"));
    let (on_history_evicted, load_history) = (of("on_history_evicted"), of("load_history"));
    let authenticate = of("authenticate");
    let after_each = stopper.clone();
    Dialogue::builder()
        .rooms::<Rooms>()
        .limits(Limits::default().with_hook_deadline(Duration::from_millis(500)))
        .authenticate(move |_| {
            let call = authenticate();
            async move {
                call.await;
                Ok(Identity::user("ada"))
            }
        })
        .on_connected(move |_| on_connected())
        .on_disconnected(move |_, _| on_disconnected())
        .before_join(move |_, _| before_join().map(Ok))
        .on_joined(move |_, _, _| on_joined())
        .on_left(move |_, _, _| on_left())
        .on_room_created(move |_| on_room_created())
        .on_room_deleted(move |_| on_room_deleted())
        .authorize(move |_, _, _, _| authorize().map(Ok))
        .before_each(move |event, room| {
            let call = before_each();
            async move {
                if room.id() == "chat" {
                    call.await;
                }
                Ok(event)
            }
        })
        .after_each(move |event, _| {
            if event.room_id == "chat" {
                after_each.stop_now("after_each");
            }
        })
        .on_triggered(move |event, _| {
            let call = (event.room_id == "chat").then(&on_triggered);
            async move {
                if let Some(call) = call {
                    call.await;
                }
            }
        })
        .on_history_evicted(move |_| on_history_evicted())
        .load_history(move |_| load_history().map(|()| Ok(Vec::new())))
}

#[tokio::test]
async fn stop_fails_at_once_in_every_hook_and_handler_and_stops_nothing() {
    let stopper = Stopper::default();
    let server = TestServer::start(configured(&stopper)).await;
    stopper.is_for(server.dialogue());
    let of_handler = stopper.clone();
    server.on(Chat, move |_: EventMessage<Message>| of_handler.stop("on"));
    let mut ada = server.connect_as("ada").await;
    ada.join("chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    let of_client = ["authenticate", "on_connected", "before_join", "on_joined", "authorize"];
    stopper.expect(&of_client).await;
    let history = json!({ "type": "history", "roomId": "chat", "event": "message", "start": 0, "end": 50 });
    assert_eq!(ada.request(history).await["type"], "history");
    stopper
        .expect(&["before_each", "after_each", "on_triggered", "on", "load_history"])
        .await;
    let left = ada.request(json!({ "type": "leave", "roomId": "chat" })).await;
    assert_eq!(left["type"], "left");
    ada.close().await;
    stopper.expect(&["on_left", "on_disconnected"]).await;
    let room = server.create_room(Project { id: 1 }).await.expect("a room");
    room.delete().await.expect("a deletion");
    stopper.expect(&["on_room_created", "on_room_deleted"]).await;
    for number in 1..=6 {
        let text = number.to_string();
        server.trigger(Booth, message(&text)).await.expect("an event");
    }
    stopper.expect(&["on_history_evicted"]).await;
    assert!(server.is_listening());
}

#[tokio::test]
async fn stop_fails_at_once_in_a_route_of_the_same_server() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("it builds");
    let stopper = Stopper::default();
    stopper.is_for(&dialogue);
    let of_route = stopper.clone();
    let route = axum::routing::get(move || of_route.stop("route").map(|()| "done"));
    let app = axum::Router::new().route("/stop", route).merge(dialogue.router());
    let address = dialogue.start_router(([127, 0, 0, 1], 0), app).await.expect("a port");
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = "GET /stop HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut response = String::new();
    within("the response", socket.read_to_string(&mut response))
        .await
        .expect("a response");
    assert!(response.ends_with("done"), "{response}");
    stopper.expect(&["route"]).await;
    let _client = TestClient::open(address).await;
    within("the end", dialogue.stop()).await.expect("it stops");
}

#[tokio::test]
async fn serving_until_a_signal_fails_at_once_in_a_hook() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_connected(move |client| {
            let (dialogue, noted) = (client.dialogue(), noted.clone());
            async move {
                for outcome in [
                    dialogue.serve(([127, 0, 0, 1], 0)).await,
                    dialogue.serve_router(([127, 0, 0, 1], 0), dialogue.router()).await,
                    dialogue.stop_on_signal().await,
                ] {
                    let error = outcome.expect_err("it cannot wait here");
                    assert!(error.to_string().contains("tokio::spawn"), "{error}");
                }
                noted.note("all failed");
            }
        })
    })
    .await;
    let _ada = server.connect_as("ada").await;
    record.expect(&["all failed"]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_handler_may_stop_its_server_in_a_task_of_its_own() {
    let server = TestServer::plain().await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (dialogue, sender) = (server.downgrade(), std::sync::Mutex::new(Some(sender)));
    server.on(Chat, move |_: EventMessage<Message>| {
        let (dialogue, sender) = (dialogue.upgrade(), sender.lock().expect("not poisoned").take());
        async move {
            let stopping = tokio::spawn(async move { dialogue.expect("a server").stop().await });
            let _ = sender.expect("one call").send(stopping);
        }
    });
    server.trigger(Chat, message("stop")).await.expect("an event");
    let stopping = within("the handler", receiver).await.expect("it runs");
    within("the end", stopping).await.expect("no panic").expect("it stops");
    assert!(!server.is_listening());
}

#[tokio::test]
async fn a_hook_may_stop_another_server_unless_it_is_called_by_it() {
    let stopper = Stopper::default();
    let other = TestServer::plain().await;
    let outer = TestServer::plain().await;
    stopper.is_for(outer.dialogue());
    // A handler of `outer` triggers in `third`, whose hook runs in the handler's task.
    let of_third = stopper.clone();
    let third = TestServer::with(|builder| {
        builder.before_each(move |event, _| {
            let call = of_third.stop("the hook of the third");
            async move {
                call.await;
                Ok(event)
            }
        })
    })
    .await;
    let record = Record::default();
    let noted = record.clone();
    let (first, last) = (other.dialogue().clone(), third.dialogue().clone());
    outer.on(Chat, move |_: EventMessage<Message>| {
        let (first, last, noted) = (first.clone(), last.clone(), noted.clone());
        async move {
            first.stop().await?;
            noted.note("stopped");
            last.trigger(Chat, message("hi")).await?;
            Ok(())
        }
    });
    outer.trigger(Chat, message("hi")).await.expect("an event");
    record.expect(&["stopped"]).await;
    stopper.expect(&["the hook of the third"]).await;
    assert!(outer.is_listening() && !other.is_listening());
}
