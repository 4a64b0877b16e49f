//! A person with the Rust client: a member of one room that talks all the time and notes what it hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dialogue::DialogueClient;
use dialogue::client::{Joined, Page, RoomStreamError};
use dialogue_tests::{Lobby, Message, message};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::ledger::Ledger;
use super::{PATIENCE, outage};

/// A pause after each event, so that the load is steady, and a small machine and the room's log can carry it. It is longer
/// if the outages are.
fn breath() -> Duration {
    Duration::from_millis(25).max(outage() / 250)
}

pub(crate) struct Person {
    name: String,
    pub(crate) lobby: Joined<Lobby>,
    ledger: Ledger,
    is_silent: Arc<AtomicBool>,
    talking: Option<JoinHandle<()>>,
    listening: JoinHandle<()>,
}

/// Connects a client. It notices soon that a server is there again.
pub(crate) async fn connect(url: &str, name: &str) -> DialogueClient {
    let limit = Instant::now() + PATIENCE;
    loop {
        let connecting = DialogueClient::connect(url)
            .auth(json!({ "userId": name }))
            .connect_timeout(Duration::from_secs(5))
            .buffer(100_000, 64 * 1024 * 1024)
            .backoff(Duration::from_millis(50), Duration::from_millis(500));
        match connecting.await {
            Ok(client) => return client,
            Err(error) => assert!(Instant::now() < limit, "{name} cannot connect to {url}: {error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Joins a room on demand.
pub(crate) async fn join(client: &DialogueClient, room: &str) -> Joined<Lobby> {
    let limit = Instant::now() + PATIENCE;
    let lobby = || Lobby { name: room.to_owned() };
    loop {
        match client.join(lobby()).await {
            Ok(joined) => return joined,
            Err(error) => assert!(Instant::now() < limit, "cannot join {room}: {error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

impl Person {
    /// A member that only listens until it [talks](Self::talk).
    pub(crate) async fn enter(url: &str, name: &str, room: &str, ledger: &Ledger) -> Self {
        let client = connect(url, name).await;
        let lobby = join(&client, room).await;
        ledger.member(name);
        let listening = tokio::spawn(listen(lobby.clone(), name.to_owned(), ledger.clone()));
        let (noted, own) = (ledger.clone(), name.to_owned());
        client.on_disconnect(move |end| {
            if end.reconnects {
                noted.disconnected(&own, format_args!("{:?} {}", end.code, end.reason));
            }
            async {}
        });
        let (noted, own) = (ledger.clone(), name.to_owned());
        lobby.on_left(move |departure| {
            noted.left(&own, departure);
            async {}
        });
        Self {
            name: name.to_owned(),
            lobby,
            ledger: ledger.clone(),
            is_silent: Arc::default(),
            talking: None,
            listening,
        }
    }

    /// Says this until it is accepted.
    pub(crate) async fn insist(&self, text: &str) {
        let limit = Instant::now() + PATIENCE;
        while !say(&self.lobby, &self.ledger, &self.name, text.to_owned()).await {
            assert!(Instant::now() < limit, "`{text}` is not accepted");
            sleep(breath()).await;
        }
    }

    /// Says one thing after another until it [falls silent](Self::fall_silent).
    pub(crate) fn talk(&mut self) {
        let (lobby, ledger, name) = (self.lobby.clone(), self.ledger.clone(), self.name.clone());
        let is_silent = Arc::clone(&self.is_silent);
        self.talking = Some(tokio::spawn(async move {
            for number in 0.. {
                // The last one is said when everybody is silent, until it is accepted.
                let is_last = is_silent.load(Ordering::Relaxed);
                let was_accepted = say(&lobby, &ledger, &name, format!("{name} {number}")).await;
                if is_last && was_accepted {
                    break;
                }
                sleep(breath()).await;
            }
        }));
    }

    /// Ends to talk, with a last word that is accepted. Goes on listening.
    pub(crate) async fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
        let Some(talking) = &self.talking else { return };
        let limit = Instant::now() + PATIENCE;
        while !talking.is_finished() {
            assert!(Instant::now() < limit, "the last word of {} is not accepted", self.name);
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Says something with a key. Returns whether it was accepted.
pub(crate) async fn say(lobby: &Joined<Lobby>, ledger: &Ledger, name: &str, text: String) -> bool {
    match lobby.trigger(message(&text)).await {
        Ok(ack) => {
            ledger.accepted(name, text, ack.seq.expect("an event with history"));
            true
        }
        Err(error) => {
            ledger.unknown(error);
            false
        }
    }
}

async fn listen(lobby: Joined<Lobby>, name: String, ledger: Ledger) {
    let mut stream = lobby.stream::<Message>();
    while let Some(next) = stream.next().await {
        match next {
            Ok(event) => ledger.heard(&name, event.seq.expect("an event with history"), event.data.text),
            Err(RoomStreamError::Gap(_)) => ledger.gap(&name),
            Err(error) => ledger.left(&name, error),
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.listening.abort();
        self.talking.iter().for_each(JoinHandle::abort);
    }
}

/// Pages back through everything that a room has, as this server sees it. The oldest event comes first.
pub(crate) async fn everything(url: &str, room: &str) -> Vec<(u64, String)> {
    let client = connect(url, "reader").await;
    let lobby = join(&client, room).await;
    let mut found = Vec::new();
    let mut next = Some(Page::newest(100));
    while let Some(page) = next {
        let asking = lobby.history::<Message>(page).into_future();
        let page = timeout(PATIENCE, asking).await.expect("an answer").expect("a page");
        next = page.next(100);
        for event in page.messages {
            let event = event.expect("a readable event");
            found.push((event.seq.expect("an event with history"), event.data.text));
        }
    }
    found.reverse();
    found
}
