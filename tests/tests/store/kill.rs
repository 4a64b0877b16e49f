//! A server with a store is killed at random moments under load, and started again on its file: no accepted event is
//! lost, none is there twice, and no client reports a gap.
//!
//! `KILLS` is how often it is killed, 5 times by default.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dialogue::DialogueClient;
use dialogue::client::Recovery;
use dialogue_tests::{Chat, Folder, Message, message, within};
use tokio::time::sleep;

use super::{Server, connect, everything, free_port};

/// How many clients trigger events, one after another each.
const CLIENTS: usize = 6;

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    recoveries: AtomicUsize,
    gaps: AtomicUsize,
}

/// Triggers events until it is over. Returns the texts of those that were accepted, in their order, and of all others.
async fn chatter(client: DialogueClient, name: String, seen: Arc<Seen>) -> (Vec<String>, Vec<String>) {
    let chat = client.join(Chat).await.expect("the server admits everybody");
    chat.subscribe::<Message>().await.expect("a member");
    let noted = Arc::clone(&seen);
    chat.on_recovered(move |recovery| {
        let count = match recovery {
            Recovery::Complete => &noted.recoveries,
            _ => &noted.gaps,
        };
        count.fetch_add(1, Ordering::Relaxed);
        async {}
    });
    let (mut accepted, mut unknown) = (Vec::new(), Vec::new());
    for number in 0.. {
        if seen.is_over.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("{name} {number}");
        match chat.trigger(message(&text)).await {
            Ok(_) => accepted.push(text),
            Err(_) => unknown.push(text),
        }
    }
    (accepted, unknown)
}

/// Random moments: how long to wait before each kill.
fn moments(kills: usize) -> impl Iterator<Item = Duration> {
    (0..kills).map(|_| {
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        Duration::from_millis(50 + random % 450)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_no_accepted_event_and_double_none() {
    let kills = std::env::var("KILLS").map_or(5, |kills| kills.parse().expect("a number"));
    let folder = Folder::new("kill");
    let (file, port) = (folder.file(), free_port());
    let mut server = Server::start(&file, port);
    let seen = Arc::<Seen>::default();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let name = format!("user-{number}");
        let client = connect(port, &name).await;
        clients.push(tokio::spawn(chatter(client, name, Arc::clone(&seen))));
    }
    let nobody = within(
        "a connection",
        DialogueClient::connect(format!("ws://127.0.0.1:{port}")).into_future(),
    )
    .await
    .expect("the server serves");
    let id = nobody.user_id();
    for moment in moments(kills) {
        // Real time: the moments are random on purpose.
        sleep(moment).await;
        server.kill();
        server = Server::start(&file, port);
    }
    // Everybody is back before it is over.
    within("the last recoveries", async {
        while seen.recoveries.load(Ordering::Relaxed) < CLIENTS {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    seen.is_over.store(true, Ordering::Relaxed);
    let (mut accepted, mut unknown) = (Vec::new(), Vec::new());
    for client in clients {
        let (of_client, others) = within("the last answers", client).await.expect("no panic");
        accepted.push(of_client);
        unknown.extend(others);
    }

    let rooms = within("an answer", nobody.list_rooms().into_future()).await;
    rooms.expect("an anonymous user is connected again");
    assert_eq!(nobody.user_id(), id, "an anonymous user keeps its id");

    let reader = connect(port, "reader").await;
    let chat = reader.join(Chat).await.expect("the server admits everybody");
    let stored = everything(&chat).await;
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, text) in stored.iter().enumerate() {
        assert_eq!(places.insert(text, place), None, "`{text}` is there twice");
    }
    for of_client in &accepted {
        assert!(!of_client.is_empty(), "every client was heard");
        let found: Vec<usize> = of_client
            .iter()
            .map(|text| {
                *places
                    .get(text.as_str())
                    .unwrap_or_else(|| panic!("`{text}` was accepted and is lost"))
            })
            .collect();
        assert!(found.is_sorted(), "the events of a client keep their order");
    }
    let known = accepted.iter().flatten().chain(&unknown).count();
    assert!(stored.len() <= known, "every event was triggered by somebody");
    assert_eq!(seen.gaps.load(Ordering::Relaxed), 0, "no client reports a gap");
    // `.ci/slow` shows this line.
    println!(
        "summary: {kills} kills, {} accepted events, {} with an unknown outcome, {} recoveries without a gap",
        known - unknown.len(),
        unknown.len(),
        seen.recoveries.load(Ordering::Relaxed)
    );
}
