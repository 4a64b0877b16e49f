//! Servers whose runtime is dropped while another runtime goes on: the queues of hooks, handlers and history continue
//! there, and no client stays behind.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use dialogue::history::EvictedHistory;
use dialogue::prelude::*;
use dialogue::{DialogueClient, Limits, testing};
use dialogue_tests::{Bell, Booth, Chat, Gate, Message, PATIENCE, Record, Rooms, message, until, within};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// A runtime that runs its tasks on a thread of its own.
fn other_runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Ends a runtime and every task in it.
async fn end(runtime: Runtime) {
    tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE))
        .await
        .expect("the runtime ends");
}

fn server(configure: impl FnOnce(dialogue::Builder) -> dialogue::Builder) -> Dialogue {
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .authenticate(|handshake| async move {
            let user = handshake.auth["user"].as_str().unwrap_or("nobody").to_owned();
            Ok(Identity::user(user))
        });
    configure(builder).build().expect("the server builds")
}

async fn client(dialogue: &Dialogue, user: &str) -> DialogueClient {
    within(
        "the connection",
        testing::connect(dialogue).auth(json!({ "user": user })).into_future(),
    )
    .await
    .expect("it connects")
}

/// A client whose connection runs in `runtime`, and which has joined the booth.
fn joined(runtime: &Runtime, dialogue: &Dialogue, user: &str) -> DialogueClient {
    runtime.block_on(async {
        let client = client(dialogue, user).await;
        client.join(Booth).await.expect("a seat");
        client
    })
}

async fn stop(dialogue: &Dialogue) {
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
}

fn size(dialogue: &Dialogue) -> usize {
    dialogue.here().room(Booth).map_or(0, |room| room.here().size())
}

/// Notes each end of a connection, with the number of clients in the booth.
fn noting_ends(record: &Record) -> impl FnOnce(dialogue::Builder) -> dialogue::Builder + use<> {
    let (ends, leaves) = (record.clone(), record.clone());
    move |builder| {
        builder
            .on_disconnected(move |client, _| {
                let ends = ends.clone();
                async move {
                    ends.note(format!("end {} of {}", client.user_id(), size(&client.dialogue())));
                }
            })
            .on_left(move |client, _, _| {
                let leaves = leaves.clone();
                async move {
                    leaves.note(format!("left {}", client.user_id()));
                }
            })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_whose_runtime_is_dropped_leaves_its_rooms_and_its_hooks_run_in_another() {
    let record = Record::default();
    let dialogue = server(noting_ends(&record));
    // This runtime is known to the server.
    let bob = client(&dialogue, "bob").await;
    let lost = other_runtime();
    let (dialogue, lost, _ada) = tokio::task::spawn_blocking(move || {
        let ada = joined(&lost, &dialogue, "ada");
        (dialogue, lost, ada)
    })
    .await
    .expect("joined");
    assert_eq!(size(&dialogue), 1);
    end(lost).await;
    record.expect(&["end ada of 1", "left ada"]).await;
    assert_eq!(size(&dialogue), 0);
    assert!(dialogue.here().clients_of("ada").is_empty());
    bob.join(Booth).await.expect("a seat");
    stop(&dialogue).await;
    record.expect(&["end bob of 1", "left bob"]).await;
}

#[test]
fn a_client_leaves_its_rooms_at_once_if_no_runtime_is_left_and_stop_runs_its_hooks() {
    let record = Record::default();
    let dialogue = server(noting_ends(&record));
    let lost = other_runtime();
    let _ada = joined(&lost, &dialogue, "ada");
    lost.shutdown_timeout(PATIENCE);
    assert_eq!(size(&dialogue), 0);
    assert!(dialogue.here().clients_of("ada").is_empty());
    other_runtime().block_on(async {
        stop(&dialogue).await;
        assert_eq!(record.rest().await, ["end ada of 0", "left ada"]);
    });
}

#[test]
fn hooks_that_wait_for_a_runtime_run_with_the_next_work() {
    let record = Record::default();
    let dialogue = server(noting_ends(&record));
    let lost = other_runtime();
    let _ada = joined(&lost, &dialogue, "ada");
    lost.shutdown_timeout(PATIENCE);
    other_runtime().block_on(async {
        let bob = client(&dialogue, "bob").await;
        record.expect(&["end ada of 0", "left ada"]).await;
        drop(bob);
        stop(&dialogue).await;
    });
}

#[test]
fn a_client_leaves_its_rooms_although_the_lost_runtime_was_running_one_of_its_hooks() {
    let record = Record::default();
    let (gate, closed) = (Gate::default(), Gate::default());
    let held = closed.clone();
    let dialogue = server(|builder| {
        noting_ends(&record)(builder).on_joined(move |_, _, _| {
            let held = held.clone();
            async move { held.pass().await }
        })
    });
    let lost = other_runtime();
    let _ada = lost.block_on(async {
        let client = client(&dialogue, "ada").await;
        client.join(Booth).await.expect("a seat");
        closed.arrival().await;
        client
    });
    lost.shutdown_timeout(PATIENCE);
    assert_eq!(size(&dialogue), 0);
    other_runtime().block_on(async {
        stop(&dialogue).await;
        assert_eq!(record.rest().await, ["end ada of 0", "left ada"]);
    });
    drop(gate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn events_that_wait_for_a_handler_are_handled_in_another_runtime() {
    let record = Record::default();
    let gate = Gate::default();
    let dialogue = server(|builder| builder);
    let (noted, held) = (record.clone(), gate.clone());
    dialogue.on(Booth, move |said: EventMessage<Message>| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            held.pass().await;
            noted.note(said.data.text);
        }
    });
    let lost = Arc::new(other_runtime());
    let (server, runtime, waits) = (dialogue.clone(), Arc::clone(&lost), gate.clone());
    tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            let sending = tokio::spawn(async move {
                for text in ["one", "two"] {
                    server.trigger(Booth, message(text)).await.expect("an event");
                }
            });
            sending.await.expect("triggered");
            waits.arrival().await;
        });
    })
    .await
    .expect("a handler runs");
    gate.open();
    end(Arc::into_inner(lost).expect("one owner")).await;
    dialogue.trigger(Booth, message("three")).await.expect("an event");
    // The handler of the first event was lost with its runtime, unless it was quick enough.
    let mut handled = vec![record.next().await, record.next().await];
    if handled[0] == "one" {
        handled = vec![handled.remove(1), record.next().await];
    }
    assert_eq!(handled, ["two", "three"]);
    stop(&dialogue).await;
}

#[test]
fn history_that_a_lost_runtime_was_archiving_is_archived_by_the_next() {
    let record = Record::default();
    let gate = Gate::default();
    let (noted, held) = (record.clone(), gate.clone());
    let dialogue = server(|builder| {
        builder
            .limits(Limits::default().with_hook_deadline(PATIENCE))
            .on_history_evicted(move |batch: EvictedHistory| {
                let (noted, held) = (noted.clone(), held.clone());
                async move {
                    held.pass().await;
                    for event in batch.messages {
                        noted.note(event.data["text"].as_str().unwrap_or_default());
                    }
                }
            })
    });
    let lost = other_runtime();
    lost.block_on(async {
        let (server, waits) = (dialogue.clone(), gate.clone());
        let sending = tokio::spawn(async move {
            for number in 1..=6 {
                let text = number.to_string();
                server.trigger(Booth, message(&text)).await.expect("an event");
            }
            waits.arrival().await;
        });
        sending.await.expect("the hook runs");
    });
    lost.shutdown_timeout(PATIENCE);
    gate.open();
    other_runtime().block_on(async {
        stop(&dialogue).await;
        assert_eq!(record.rest().await, ["1", "2", "3", "4", "5", "6"]);
    });
}

#[test]
fn a_room_expires_although_the_runtime_that_waited_for_it_is_lost() {
    let record = Record::default();
    let noted = record.clone();
    let dialogue = server(|builder| {
        builder
            .limits(Limits::default().with_on_demand_idle(Duration::from_millis(200)))
            .on_room_deleted(move |room| {
                let noted = noted.clone();
                async move { noted.note(room.id().as_str()) }
            })
    });
    let lost = other_runtime();
    lost.block_on(async {
        let ada = client(&dialogue, "ada").await;
        let room = ada.join_id("lobby-a").await.expect("a room");
        room.leave().await.expect("left");
    });
    lost.shutdown_timeout(Duration::ZERO);
    other_runtime().block_on(async {
        let _bob = client(&dialogue, "bob").await;
        record.expect(&["lobby-a"]).await;
        stop(&dialogue).await;
    });
}

#[test]
fn on_triggered_runs_although_its_runtime_is_lost_before_it_starts() {
    let record = Record::default();
    let noted = record.clone();
    let dialogue = server(|builder| {
        builder.on_triggered(move |event: EventMessage, _| {
            let noted = noted.clone();
            async move { noted.note(event.event.as_str()) }
        })
    });
    let lost = Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A runtime with one thread runs the task of the hook only when this future waits.
    lost.block_on(async { dialogue.trigger(Chat, Bell).await.expect("an event") });
    drop(lost);
    other_runtime().block_on(async {
        stop(&dialogue).await;
        assert_eq!(record.rest().await, ["bell"]);
    });
}

#[test]
fn a_connection_may_end_outside_of_any_runtime() {
    let record = Record::default();
    let dialogue = server(noting_ends(&record));
    let serving_runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let mut serving = Box::pin({
        let dialogue = dialogue.clone();
        async move { testing::serve_stream(&dialogue, theirs).await }
    });
    serving_runtime.block_on(async {
        let mut peer = tokio_websockets::ClientBuilder::new().take_over(ours);
        use futures_util::{SinkExt, StreamExt};
        let connect = json!({ "type": "connect", "protocol": 1, "auth": { "user": "ada" } });
        let conversation = async {
            let text = tokio_websockets::Message::text(connect.to_string());
            peer.send(text).await.expect("sent");
            peer.next().await.expect("an answer").expect("a frame")
        };
        tokio::select! {
            () = serving.as_mut() => panic!("it goes on"),
            answer = conversation => assert!(answer.as_text().is_some_and(|text| text.contains("connected"))),
        }
    });
    drop(serving);
    // Nothing runs in that runtime any more, but only now does the server know.
    drop(serving_runtime);
    assert!(dialogue.here().clients().is_empty());
    other_runtime().block_on(async {
        stop(&dialogue).await;
        assert_eq!(record.rest().await, ["end ada of 0"]);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_of_a_client_whose_runtime_is_lost_fail() {
    let dialogue = server(|builder| builder);
    let lost = other_runtime();
    let (lost, ada, server) = tokio::task::spawn_blocking(move || {
        let ada = lost.block_on(client(&dialogue, "ada"));
        (lost, ada, dialogue)
    })
    .await
    .expect("connected");
    end(lost).await;
    assert!(within("an error", ada.join(Booth).into_future()).await.is_err());
    until("the client to be gone", || server.here().clients().is_empty()).await;
    stop(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn work_does_not_wait_in_a_runtime_that_runs_only_while_a_thread_blocks_on_it() {
    let record = Record::default();
    let (of_hook, of_handler) = (record.clone(), record.clone());
    let dialogue = server(|builder| {
        builder.on_triggered(move |_, _| {
            of_hook.note("on_triggered");
            async {}
        })
    });
    dialogue.on(Booth, move |said: EventMessage<Message>| {
        of_handler.note(said.data.text);
        async {}
    });
    let server = dialogue.clone();
    // A part of the program that is not asynchronous, and keeps a runtime for its calls.
    let calls = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let triggered = runtime.block_on(async { server.trigger(Booth, message("on")).await });
        triggered.expect("an event");
        runtime
    });
    let runtime = calls.join().expect("it triggers");
    let mut seen = [record.next().await, record.next().await];
    seen.sort();
    assert_eq!(seen, ["on", "on_triggered"]);
    stop(&dialogue).await;
    runtime.shutdown_background();
}

/// Panics when it is dropped, with a value that panics in turn.
struct Bomb {
    panics: u32,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(panics) = self.panics.checked_sub(1) {
            std::panic::panic_any(Self { panics });
        }
    }
}

#[test]
fn hooks_run_although_the_lost_runtime_was_running_one_whose_values_panic_when_dropped() {
    for hook in ["on_joined", "before_join"] {
        for panics in [1, 2, 3] {
            let record = Record::default();
            let closed = Gate::default();
            let held = closed.clone();
            let wait = move |here: bool| {
                let held = held.clone();
                async move {
                    if here {
                        let _bomb = Bomb { panics };
                        held.pass().await;
                    }
                }
            };
            let before = wait.clone();
            let dialogue = server(|builder| {
                noting_ends(&record)(builder)
                    .on_joined(move |_, _, _| wait(hook == "on_joined"))
                    .before_join(move |_, _| {
                        let waiting = before(hook == "before_join");
                        async move {
                            waiting.await;
                            Ok(())
                        }
                    })
            });
            let lost = other_runtime();
            let _ada = lost.block_on(async {
                let client = client(&dialogue, "ada").await;
                let joining = client.join(Booth).into_future();
                tokio::spawn(joining);
                closed.arrival().await;
                client
            });
            lost.shutdown_timeout(PATIENCE);
            assert_eq!(size(&dialogue), 0);
            assert!(dialogue.here().clients_of("ada").is_empty());
            other_runtime().block_on(async {
                stop(&dialogue).await;
                let left = (hook == "on_joined").then_some("left ada");
                let expected: Vec<_> = std::iter::once("end ada of 0").chain(left).collect();
                assert_eq!(record.rest().await, expected, "{hook}, {panics} panics");
            });
        }
    }
}

/// A file in the folder for temporary files, which ends with the test.
struct File(std::path::PathBuf);

impl File {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dialogue-lost-runtime-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn events_that_a_store_has_are_delivered_although_the_runtime_that_triggered_them_is_lost() {
    const EVENTS: usize = 20;
    let (file, record) = (File::new(), Record::default());
    let runtime = other_runtime();
    let noted = record.clone();
    let dialogue = runtime.block_on(async {
        server(|builder| {
            builder
                .store(dialogue::sqlite::Sqlite::open(file.0.join("rooms.db")))
                .on_triggered(move |message, _| {
                    let noted = noted.clone();
                    async move {
                        noted.note(message.seq.expect("a number").to_string());
                        Ok(())
                    }
                })
        })
    });
    let reader = runtime.block_on(client(&dialogue, "reader"));
    let chat = runtime.block_on(async { reader.join(Chat).await.expect("a seat") });
    let mut stream = chat.stream::<Message>();
    for number in 0..EVENTS {
        // The runtime ends while the store has the event, or just before or after that.
        let lost = other_runtime();
        let of_lost = dialogue.clone();
        lost.spawn(async move { of_lost.trigger(Chat, message("hello")).await });
        if number % 2 == 0 {
            std::thread::yield_now();
        }
        lost.shutdown_timeout(PATIENCE);
    }
    runtime.block_on(async {
        // Behind everything that the store has.
        let last = within("the last event", dialogue.trigger(Chat, message("last"))).await;
        let last = last.expect("a delivery").seq.expect("a number");
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            let received = within("an event", stream.next()).await.expect("the connection lasts");
            numbers.push(received.expect("an event").seq.expect("a number"));
        }
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "each event once, in order");
        let room = dialogue.room(Chat).await.expect("an answer").expect("the room");
        assert_eq!(room.history::<Message>(0..99).await.expect("a page").len() as u64, last);
        stop(&dialogue).await;
        let mut hooks: Vec<u64> = record
            .rest()
            .await
            .iter()
            .map(|seq| seq.parse().expect("a number"))
            .collect();
        hooks.sort_unstable();
        assert_eq!(hooks, numbers, "each hook has run once");
    });
}
