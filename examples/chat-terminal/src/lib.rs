//! The chat, line by line: sends the lines that the user types, and shows the events. It does not depend on a terminal.

use chat::{Chat, ChatEvent, Message};
use dialogue::DialogueClient;
use dialogue::client::{ClientError, ConnectionState, Joined, RoomStreamError};
use dialogue::prelude::*;
use tokio::sync::mpsc;

/// Joins the chat, sends each line from `typed`, and calls `show` with a line for each event. Ends when `typed` ends,
/// or when the client is no longer in the room.
///
/// # Errors
///
/// The errors of the join.
///
/// # Cancel safety
///
/// After this future is dropped, it sends and shows nothing more. The client stays in the room.
pub async fn talk(
    client: &DialogueClient,
    typed: mpsc::Receiver<String>,
    show: impl Fn(String),
) -> Result<(), ClientError> {
    let chat = client.join(Chat).await?;
    show(format!("You are in {}. Type a line and press Enter.", chat.name()));
    // The three run independently: a line that waits for a lost connection does not delay what is shown. They run in
    // this order, so that the last line is shown before it ends the chat: the server sends the event before the
    // acknowledgement.
    tokio::select! {
        biased;
        () = watch(client, &show) => {}
        () = listen(&chat, &show) => {}
        () = speak(&chat, typed, &show) => {}
    }
    Ok(())
}

/// Sends the lines that the user types. After a lost connection, the client makes sure that each line is delivered
/// once.
async fn speak(chat: &Joined<Chat>, mut typed: mpsc::Receiver<String>, show: impl Fn(String)) {
    while let Some(text) = typed.recv().await {
        match chat.trigger(Message { text }).await {
            // The line is shown when the server delivers it, in order with the lines of others.
            Ok(_) => {}
            Err(ClientError::Refused(refused)) if !refused.violations.is_empty() => {
                show(format!("! not sent: {}", refused.violations[0]));
            }
            Err(error) => show(format!("! not sent: {}", with_causes(&error))),
        }
    }
}

/// The text of an error and of its causes.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Shows the events of the room: its history first, then new events.
async fn listen(chat: &Joined<Chat>, show: impl Fn(String)) {
    let mut events = chat.stream::<ChatEvent>();
    while let Some(event) = events.next().await {
        match event {
            Ok(EventMessage { from, data, .. }) => match data {
                ChatEvent::Message(Message { text }) => show(format!("{from}: {text}")),
                ChatEvent::UserJoined(user) => show(format!("* {} joined", user.username)),
                ChatEvent::UserLeft(user) => show(format!("* {} left", user.username)),
                // A terminal cannot take a line back when typing ends a moment later.
                ChatEvent::Typing(_) => {}
            },
            Err(RoomStreamError::Gap(_)) => {
                show("* some messages were missed; these are the messages that the room still has".to_owned())
            }
            // A terminal cannot take a line back.
            Err(RoomStreamError::Erased(_)) => show("* a message was erased".to_owned()),
            Err(error) => show(format!("! {}", with_causes(&error))),
        }
    }
    show("* you are no longer in the room".to_owned());
}

/// Shows changes of the connection's state.
async fn watch(client: &DialogueClient, show: impl Fn(String)) {
    let mut states = client.states();
    let mut is_lost = false;
    while let Some(state) = states.next().await {
        match state {
            ConnectionState::Reconnecting { .. } if !is_lost => {
                is_lost = true;
                show("* the connection is lost; reconnecting".to_owned());
            }
            ConnectionState::Connected if is_lost => {
                is_lost = false;
                show("* connected again".to_owned());
            }
            ConnectionState::Closed(reason) => show(format!("* closed {reason}")),
            _ => {}
        }
    }
}
