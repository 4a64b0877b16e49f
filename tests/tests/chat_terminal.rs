//! The terminal chat (`examples/chat-terminal`) without the terminal, against a server with the chat's rooms.

use chat::{Chat, Message, Rooms, Typing, UserJoined};
use chat_terminal::talk;
use dialogue::client::ClientError;
use dialogue::{Dialogue, DialogueClient};
use dialogue_tests::{Record, TestServer, within};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Somebody at a terminal.
struct Person {
    keyboard: mpsc::Sender<String>,
    screen: Record,
    client: DialogueClient,
    talk: JoinHandle<Result<(), ClientError>>,
}

impl Person {
    async fn connect(server: &TestServer, name: &str) -> Self {
        let connecting = DialogueClient::connect(format!("ws://{}", server.address())).auth(json!({ "userId": name }));
        let client = within("a connection", connecting.into_future())
            .await
            .expect("the server accepts the client");
        let (keyboard, typed) = mpsc::channel(1);
        let (screen, talking) = (Record::default(), client.clone());
        let shown = screen.clone();
        let talk = tokio::spawn(async move { talk(&talking, typed, |line| shown.note(line)).await });
        screen.expect(&["You are in Chat. Type a line and press Enter."]).await;
        Self {
            keyboard,
            screen,
            client,
            talk,
        }
    }

    async fn types(&self, line: &str) {
        self.keyboard.send(line.to_owned()).await.expect("the line is read");
    }
}

async fn server() -> TestServer {
    TestServer::start(Dialogue::builder().rooms::<Rooms>().trust_client_identity()).await
}

fn message(text: &str) -> Message {
    Message { text: text.to_owned() }
}

#[tokio::test]
async fn typed_lines_are_sent_and_events_are_shown() {
    let server = server().await;
    server.trigger(Chat, message("before")).await.expect("an event");
    let ada = Person::connect(&server, "ada").await;
    ada.screen.expect(&["system: before"]).await;
    let bob = Person::connect(&server, "bob").await;
    ada.types("hello").await;
    for person in [&ada, &bob] {
        within("ada's line on the screen", async {
            while person.screen.next().await != "ada: hello" {}
        })
        .await;
    }
    server
        .trigger(Chat, Typing { is_typing: true })
        .await
        .expect("an event");
    let username = "eve".to_owned();
    server.trigger(Chat, UserJoined { username }).await.expect("an event");
    ada.screen.expect(&["* eve joined"]).await;
    ada.types("").await;
    let refused = ada.screen.next().await;
    assert!(refused.starts_with("! not sent: /text"), "{refused}");
}

#[tokio::test]
async fn the_last_line_is_shown_before_the_talk_ends_and_disconnecting_empties_the_room() {
    let server = server().await;
    let Person {
        keyboard,
        screen,
        client,
        talk,
    } = Person::connect(&server, "ada").await;
    keyboard.send("bye".to_owned()).await.expect("the line is read");
    drop(keyboard);
    within("the end of the talk", talk)
        .await
        .expect("no panic")
        .expect("the client stayed in the room");
    assert_eq!(screen.rest().await, ["ada: bye"]);
    within("the end of the connection", client.disconnect()).await;
    dialogue_tests::until("the room to become empty", || !server.here().is_in_room("ada", "chat")).await;
}

#[tokio::test]
async fn a_client_that_is_removed_from_the_room_or_disconnected_shows_it() {
    let server = server().await;
    let ada = Person::connect(&server, "ada").await;
    assert!(server.here().clients_of("ada")[0].leave(Chat).await);
    ada.screen.expect(&["* you are no longer in the room"]).await;
    within("the end of the talk", ada.talk)
        .await
        .expect("no panic")
        .expect("the talk ends without an error");
    let bob = Person::connect(&server, "bob").await;
    server.here().clients_of("bob")[0].disconnect().await;
    let closed = bob.screen.next().await;
    assert!(closed.starts_with("* closed by the server, 4501"), "{closed}");
    within("the end of the talk", bob.talk)
        .await
        .expect("no panic")
        .expect("the talk ends without an error");
}
