//! History beyond the memory limit: `on_history_evicted` and `load_history`.

use std::sync::{Arc, Mutex};

use dialogue::Limits;
use dialogue::history::{HistoryConfig, HistoryManager};
use dialogue::prelude::*;
use dialogue_tests::{Chat, Message, Project, Record, TestServer, message, texts};
use serde_json::{Value, json};

/// The application's storage: every event, the oldest first.
type Store = Arc<Mutex<Vec<EventMessage>>>;

/// A server that stores the events that no longer fit into its memory of five messages.
async fn storing() -> (TestServer, Store, Record) {
    let (store, record) = (Store::default(), Record::default());
    let (evicted, stored, noted) = (Arc::clone(&store), Arc::clone(&store), record.clone());
    let server = TestServer::with(|builder| {
        builder
            .on_history_evicted(move |batch| {
                let count = batch.messages.len();
                evicted.lock().expect("the lock is not poisoned").extend(batch.messages);
                noted.note(format!("{} {} {count}", batch.room_id, batch.event));
                async { Ok(()) }
            })
            .load_history(move |query| {
                let found: Vec<_> = stored
                    .lock()
                    .expect("the lock is not poisoned")
                    .iter()
                    .rev()
                    .filter(|message| message.room_id == query.room_id && message.event == query.event)
                    .filter(|message| query.before.is_none_or(|before| message.seq < Some(before)))
                    .skip(query.skip)
                    .take(query.limit)
                    .cloned()
                    .collect();
                async { Ok(found) }
            })
    })
    .await;
    (server, store, record)
}

fn numbers(page: &Value) -> Vec<u64> {
    let events = page["events"]
        .as_array()
        .unwrap_or_else(|| panic!("not a page: {page}"));
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

async fn fill(server: &TestServer, record: &Record, count: usize) {
    for number in 1..=count {
        server
            .trigger::<Message>(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    let mut stored = 0;
    while stored < count.saturating_sub(5) {
        let entry = record.next().await;
        stored += entry
            .rsplit(' ')
            .next()
            .and_then(|count| count.parse::<usize>().ok())
            .unwrap_or(0);
    }
}

#[tokio::test]
async fn evicted_events_are_passed_to_the_hook_in_order_each_once() {
    let (server, store, record) = storing().await;
    fill(&server, &record, 20).await;
    let stored: Vec<_> = store
        .lock()
        .expect("the lock is not poisoned")
        .iter()
        .filter_map(|message| message.seq)
        .collect();
    assert_eq!(stored, (1..=15).collect::<Vec<_>>());
    server.stop().await;
    let stored: Vec<_> = store
        .lock()
        .expect("the lock is not poisoned")
        .iter()
        .filter_map(|message| message.seq)
        .collect();
    assert_eq!(
        stored,
        (1..=20).collect::<Vec<_>>(),
        "the drain hands over the events that were still in memory"
    );
}

#[tokio::test]
async fn history_continues_in_storage_where_memory_ends_by_seq_and_by_index() {
    let (server, _store, record) = storing().await;
    fill(&server, &record, 20).await;
    let mut ada = server.joined("ada", "chat").await;
    for (of, expected, more) in [
        (json!({ "before": 21, "limit": 3 }), vec![20, 19, 18], true),
        (json!({ "before": 19, "limit": 5 }), vec![18, 17, 16, 15, 14], true),
        (json!({ "before": 16, "limit": 3 }), vec![15, 14, 13], true),
        (json!({ "before": 4, "limit": 3 }), vec![3, 2, 1], false),
        (json!({ "before": 3, "limit": 9 }), vec![2, 1], false),
        (json!({ "before": 1, "limit": 9 }), vec![], false),
        (json!({ "start": 3, "end": 8 }), vec![17, 16, 15, 14, 13], true),
        (json!({ "start": 5, "end": 7 }), vec![15, 14], true),
        (json!({ "start": 10, "end": 12 }), vec![10, 9], true),
        (json!({ "start": 18, "end": 30 }), vec![2, 1], false),
        (json!({ "start": 0, "end": 20 }), (1..=20).rev().collect(), false),
    ] {
        let mut request = json!({ "type": "history", "roomId": "chat", "event": "message" });
        for (name, value) in of.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        let page = ada.request(request).await;
        assert_eq!(numbers(&page), expected, "{of}");
        assert_eq!(page["more"], more, "{of}");
    }
    let chat = server.room(Chat).await.expect("the room");
    let oldest = chat.history::<Message>(19..25).await.expect("a page");
    assert_eq!(texts(oldest), ["1"]);
}

#[tokio::test]
async fn a_page_filled_from_memory_reports_more_and_the_next_page_reports_whether_there_is_more() {
    let (server, _store, record) = storing().await;
    fill(&server, &record, 3).await;
    let mut ada = server.joined("ada", "chat").await;
    for (before, expected, more) in [(4, vec![3, 2, 1], true), (1, vec![], false)] {
        let request = json!({ "type": "history", "roomId": "chat", "event": "message", "before": before, "limit": 3 });
        let page = ada.request(request).await;
        assert_eq!((numbers(&page), &page["more"]), (expected, &json!(more)));
    }
}

#[tokio::test]
async fn results_of_load_history_for_another_room_event_or_position_are_dropped() {
    let server =
        TestServer::with(|builder| {
            builder.load_history(|query| async move {
            let event = |room: &str, name: &str, seq: u64| {
                serde_json::from_value::<EventMessage>(json!({
                    "event": name, "roomId": room, "data": { "text": "old" }, "from": "ada", "timestamp": 0, "seq": seq,
                }))
            };
            assert_eq!(query.before, Some(1));
            Ok(vec![event("booth", "message", 0)?, event("chat", "typing", 0)?, event("chat", "message", 7)?])
        })
        })
        .await;
    server.trigger(Chat, message("new")).await.expect("an event");
    let mut ada = server.joined("ada", "chat").await;
    let page = ada
        .request(json!({ "type": "history", "roomId": "chat", "event": "message" }))
        .await;
    assert_eq!(numbers(&page), [1]);
}

#[tokio::test]
async fn a_client_removed_while_history_loads_gets_no_history() {
    let gate = dialogue_tests::Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder.load_history(move |_| {
            let held = held.clone();
            async move {
                held.pass().await;
                Ok(Vec::new())
            }
        })
    })
    .await;
    server
        .trigger::<Message>(Chat, message("a secret"))
        .await
        .expect("an event");
    let mut ada = server.joined("ada", "chat").await;
    ada.send(json!({ "type": "history", "id": 1, "roomId": "chat", "event": "message" }))
        .await;
    gate.arrival().await;
    assert!(server.here().clients_of("ada")[0].leave(Chat).await);
    gate.open();
    ada.recv_type("left").await;
    assert_eq!(ada.recv_type("error").await["code"], "NOT_IN_ROOM");
}

/// A server whose storage accepts nothing until the gate opens, and returns nothing.
async fn storing_slowly() -> (TestServer, dialogue_tests::Gate) {
    let gate = dialogue_tests::Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder
            .on_history_evicted(move |_| {
                let held = held.clone();
                async move {
                    held.pass().await;
                    Ok(())
                }
            })
            .load_history(|_| async { Ok(Vec::new()) })
    })
    .await;
    (server, gate)
}

#[tokio::test]
async fn events_waiting_to_be_stored_are_still_in_the_history() {
    let (server, gate) = storing_slowly().await;
    for number in 1..=8 {
        server
            .trigger::<Message>(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    gate.arrival().await;
    let mut ada = server.joined("ada", "chat").await;
    let page = ada
        .request(json!({ "type": "history", "roomId": "chat", "event": "message", "before": 9, "limit": 20 }))
        .await;
    assert_eq!(numbers(&page), [8, 7, 6, 5, 4, 3, 2, 1]);
    let page = ada
        .request(json!({ "type": "history", "roomId": "chat", "event": "message", "start": 6, "end": 9 }))
        .await;
    assert_eq!(numbers(&page), [2, 1]);
    gate.open();
}

#[tokio::test]
async fn waiting_events_without_a_seq_keep_their_place_in_the_history() {
    let (server, gate) = storing_slowly().await;
    let push = async |text: &str| {
        let pushed = EventMessage::new("message", "chat", json!({ "text": text }));
        assert!(server.history().push(&pushed).await.is_empty());
    };
    for text in ["old 1", "old 2", "old 3"] {
        push(text).await;
    }
    for text in ["1", "2", "3"] {
        server.trigger::<Message>(Chat, message(text)).await.expect("an event");
    }
    push("by hand").await;
    server.trigger(Chat, message("4")).await.expect("an event");
    gate.arrival().await;
    let chat = server.room(Chat).await.expect("the room");
    let texts = async |range| dialogue_tests::texts(chat.history::<Message>(range).await.expect("a page"));
    // Memory holds five events.
    assert_eq!(
        texts(0..9).await,
        ["4", "by hand", "3", "2", "1", "old 3", "old 2", "old 1"]
    );
    assert_eq!(texts(4..7).await, ["1", "old 3", "old 2"]);
    assert_eq!(texts(6..9).await, ["old 2", "old 1"]);
    gate.open();
}

#[tokio::test]
async fn batches_fill_up_even_if_rooms_alternate() {
    let (gate, record) = (dialogue_tests::Gate::default(), Record::default());
    let (held, noted) = (gate.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder.on_history_evicted(move |batch| {
            let (held, noted) = (held.clone(), noted.clone());
            async move {
                held.pass().await;
                noted.note(format!("{} {}", batch.room_id, batch.messages.len()));
                Ok(())
            }
        })
    })
    .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    for number in 1..=25 {
        let sent = message(&number.to_string());
        server.trigger::<Message>(Chat, sent.clone()).await.expect("an event");
        if number == 6 {
            gate.arrival().await;
        }
        server.trigger(Project { id: 7 }, sent).await.expect("an event");
    }
    gate.open();
    // The first batch had already reached the gate.
    record.expect(&["chat 1", "project-7 20", "chat 19"]).await;
}

#[tokio::test]
async fn stored_events_without_a_seq_are_sorted_by_time_whatever_order_the_hook_returns() {
    let server = TestServer::with(|builder| {
        builder.load_history(|query| async move {
            let stored = |text: &str, seq: Option<u64>, timestamp: u64| {
                let mut event = EventMessage::new("message", query.room_id.as_str(), json!({ "text": text }));
                (event.seq, event.timestamp) = (seq, timestamp);
                event
            };
            // The rows are oldest first and include events from before a restart. The last two of those came in the
            // same millisecond.
            let mut rows = vec![
                stored("a", None, 10),
                stored("b", None, 20),
                stored("d", None, 30),
                stored("c", None, 30),
                stored("1", Some(1), 5),
                stored("2", Some(2), 5),
            ];
            rows.retain(|row| query.before.is_none_or(|before| row.seq.is_none_or(|seq| seq < before)));
            Ok(rows)
        })
    })
    .await;
    let chat = server.room(Chat).await.expect("the room");
    let texts = async |count| dialogue_tests::texts(chat.history::<Message>(0..count).await.expect("a page"));
    assert_eq!(texts(9).await, ["2", "1", "d", "c", "b", "a"]);
    assert_eq!(
        texts(4).await,
        ["2", "1", "d", "c"],
        "the surplus events are the oldest ones"
    );
}

#[tokio::test]
async fn the_history_of_a_room_that_is_evicted_as_a_whole_is_handed_over() {
    let record = Record::default();
    let noted = record.clone();
    let manager = HistoryManager::new(HistoryConfig::default().with_max_rooms(1));
    let server = TestServer::with(|builder| {
        builder.history(manager).on_history_evicted(move |batch| {
            noted.note(format!("{} {}", batch.room_id, batch.messages.len()));
            async { Ok(()) }
        })
    })
    .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    server.trigger::<Message>(Chat, message("one")).await.expect("an event");
    server.trigger::<Message>(Chat, message("two")).await.expect("an event");
    server
        .trigger(Project { id: 7 }, message("hi"))
        .await
        .expect("an event");
    record.expect(&["chat 2"]).await;
}

#[tokio::test]
async fn events_evicted_by_a_direct_call_are_returned_and_not_handed_over() {
    let (server, _store, record) = storing().await;
    for _ in 0..5 {
        server.trigger(Chat, message("kept")).await.expect("an event");
    }
    let full = EventMessage::new("typing", "chat", json!({}));
    for _ in 0..100 {
        assert!(server.history().push(&full).await.is_empty());
    }
    assert_eq!(server.history().push(&full).await.len(), 1);
    assert_eq!(server.history().clear_room("chat").await.len(), 105);
    for _ in 0..6 {
        server.trigger(Chat, message("new")).await.expect("an event");
    }
    record.expect(&["chat message 1"]).await;
}

#[tokio::test]
async fn an_event_that_a_handler_triggers_during_the_drain_is_handed_over_too() {
    let (server, store, _record) = storing().await;
    let gate = dialogue_tests::Gate::default();
    let (held, dialogue) = (gate.clone(), server.dialogue().clone());
    server.on(Chat, move |message: EventMessage<Message>| {
        let (held, dialogue) = (held.clone(), dialogue.clone());
        async move {
            if message.data.text == "begin" {
                held.pass().await;
                let _ = dialogue.trigger(Chat, dialogue_tests::message("late")).await;
            }
        }
    });
    server.trigger(Chat, message("begin")).await.expect("an event");
    gate.arrival().await;
    let stopping = tokio::spawn({
        let dialogue = server.dialogue().clone();
        async move { dialogue.stop().await }
    });
    dialogue_tests::until("the start of the drain", || !server.is_listening()).await;
    gate.open();
    dialogue_tests::within("the end of the drain", stopping)
        .await
        .expect("no panic")
        .expect("the drain finishes in time");
    let texts: Vec<_> = store
        .lock()
        .expect("the lock is not poisoned")
        .iter()
        .map(|message| message.data["text"].clone())
        .collect();
    // The late event may be refused or handed over. An event that stays in memory is lost.
    assert_eq!(texts.first(), Some(&json!("begin")));
    assert_eq!(
        server.history().count("chat", "message").await,
        0,
        "the drain handed over only {texts:?}"
    );
}

#[tokio::test]
async fn waiting_events_of_a_deleted_room_are_not_shown_in_a_new_room_with_the_same_id() {
    let (server, gate) = storing_slowly().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    for number in 1..=8 {
        server
            .trigger(Project { id: 7 }, message(&number.to_string()))
            .await
            .expect("an event");
    }
    gate.arrival().await;
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    server.create_room(Project { id: 7 }).await.expect("another room");
    let mut ada = server.joined("ada", "project-7").await;
    let page = ada
        .request(json!({ "type": "history", "roomId": "project-7", "event": "message" }))
        .await;
    assert_eq!(
        page["events"],
        json!([]),
        "the seqs of the old room mean nothing in the new one"
    );
    gate.open();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_skips_nothing_while_events_are_evicted() {
    let (server, _store, _record) = storing().await;
    let (dialogue, room) = (server.dialogue().clone(), server.room(Chat).await.expect("the room"));
    let writer = tokio::spawn(async move {
        for number in 1..=5_000 {
            let sent = dialogue.trigger::<Message>(Chat, message(&number.to_string())).await;
            sent.expect("an event");
        }
    });
    while !writer.is_finished() {
        let page = room.history_named("message", 0..10).await.expect("a page");
        let numbers: Vec<_> = page.iter().filter_map(|message| message.seq).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "{numbers:?}");
    }
}

#[tokio::test]
async fn more_events_than_the_queue_holds_are_still_handed_over_by_the_drain() {
    const COUNT: usize = 50_100;
    let (count, batches) = (Arc::new(Mutex::new(0)), Record::default());
    let (counted, noted) = (Arc::clone(&count), batches.clone());
    let manager = HistoryManager::new(HistoryConfig::default().with_max_events_per_type(COUNT));
    let server = TestServer::with(|builder| {
        builder.history(manager).on_history_evicted(move |batch| {
            *counted.lock().expect("the lock is not poisoned") += batch.messages.len();
            noted.note(format!("{} {}", batch.event, batch.messages.len()));
            async { Ok(()) }
        })
    })
    .await;
    for _ in 0..COUNT / 2 {
        for name in ["message", "typing"] {
            server.history().push(&EventMessage::new(name, "chat", json!({}))).await;
        }
    }
    server.stop().await;
    assert_eq!(*count.lock().expect("the lock is not poisoned"), COUNT);
    assert_eq!(
        batches.next().await,
        "message 100",
        "alternating events are batched, too"
    );
}

#[tokio::test]
async fn histories_are_bounded_in_bytes_across_all_rooms() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .limits(Limits::default().with_history_bytes(4_000))
            .on_history_evicted(move |batch| {
                noted.note(format!("{} {}", batch.room_id, batch.messages.len()));
                async { Ok(()) }
            })
    })
    .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let long = || message(&"x".repeat(900));
    for _ in 0..2 {
        server.trigger::<Message>(Chat, long()).await.expect("an event");
    }
    for _ in 0..2 {
        server.trigger(Project { id: 7 }, long()).await.expect("an event");
    }
    record.expect(&["chat 2"]).await;
    for _ in 0..2 {
        server.trigger(Project { id: 7 }, long()).await.expect("an event");
    }
    record.expect(&["project-7 1"]).await;
    assert_eq!(server.history().count("project-7", "message").await, 3);
}
