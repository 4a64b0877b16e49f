//! A talk in the chat, line by line: what is typed is said, and what happens is shown. Knows no terminal.

use chat::{Chat, ChatEvent, Message};
use dialogue::prelude::*;
use dialogue::{ClientError, ConnectionState, DialogueClient, Joined, RoomStreamError};
use tokio::sync::mpsc;

/// Joins the chat, says each line of `typed`, and gives `show` a line for everything that happens. Ends when nothing more is
/// typed, or when the client is no longer in the room.
///
/// # Errors
///
/// Those of the join.
///
/// # Cancel safety
///
/// Dropped, it says and shows nothing more; the client stays in the room.
pub async fn talk(
    client: &DialogueClient,
    typed: mpsc::Receiver<String>,
    show: impl Fn(String),
) -> Result<(), ClientError> {
    let chat = client.join(Chat).await?;
    show(format!("You are in {}. Type, and press Enter.", chat.name()));
    // Each at its own pace: what is said while the connection is lost waits for it, and holds up nothing that is shown. In this
    // order, so that the last line is heard before it ends the talk: the server acknowledges it behind the event.
    tokio::select! {
        biased;
        () = watch(client, &show) => {}
        () = listen(&chat, &show) => {}
        () = speak(&chat, typed, &show) => {}
    }
    Ok(())
}

/// Says what is typed. After a lost connection, the client sees to it that each line is said once.
async fn speak(chat: &Joined<Chat>, mut typed: mpsc::Receiver<String>, show: impl Fn(String)) {
    while let Some(text) = typed.recv().await {
        match chat.trigger(Message { text }).await {
            // It is shown when it comes back, in its place among what others say.
            Ok(_) => {}
            Err(ClientError::Refused(refused)) if !refused.violations.is_empty() => {
                show(format!("! not said: {}", refused.violations[0]));
            }
            Err(error) => show(format!("! not said: {error}")),
        }
    }
}

/// Shows what happens in the room: what it remembers, then what is new.
async fn listen(chat: &Joined<Chat>, show: impl Fn(String)) {
    let mut events = chat.stream::<ChatEvent>();
    while let Some(event) = events.next().await {
        match event {
            Ok(EventMessage { from, data, .. }) => match data {
                ChatEvent::Message(Message { text }) => show(format!("{from}: {text}")),
                ChatEvent::UserJoined(user) => show(format!("* {} came in", user.username)),
                ChatEvent::UserLeft(user) => show(format!("* {} went away", user.username)),
                // A terminal has no place for what is over a moment later.
                ChatEvent::Typing(_) => {}
            },
            Err(RoomStreamError::Gap(_)) => {
                show("* some of what was said meanwhile is gone; here is what the room still has".to_owned())
            }
            Err(error) => show(format!("! {error}")),
        }
    }
    show("* you are no longer in the room".to_owned());
}

/// Shows how the connection is doing.
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
