//! An on-demand room that nobody is in is there for the server, as long as it has a log: in memory, and in a store.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Plenty;
use super::peer::Peer;
use crate::calls::RoomUnavailable;
use crate::history::HistoryError;
use crate::log::durable::DurableLog;
use crate::log::tests::fake_store::{FakeStore, broken};
use crate::prelude::*;
use crate::{Builder, JoinError, Limits, RoomConfig, TriggerError};

rooms! {
    /// The rooms of these tests.
    Rooms;

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        name: "Lobby",
        events: [Plenty, super::Fleeting],
        default_subscriptions: *,
        on_demand: true,
        listed: true,
    }
}

const LOBBY: Lobby = Lobby { number: 1 };

/// Servers whose empty rooms expire soon: one without a store, and one with a store.
fn servers() -> [Builder; 2] {
    let limits = Limits::default().with_on_demand_idle(Duration::from_secs(5));
    let server = || Dialogue::builder().rooms::<Rooms>().limits(limits.clone());
    [server(), server().durable(FakeStore::new() as Arc<dyn DurableLog>)]
}

async fn peer(dialogue: &Dialogue) -> Peer {
    let mut peer = Peer::connect(dialogue, 1 << 16).await;
    peer.receive_type("connected").await;
    peer
}

async fn join(peer: &mut Peer, since: Option<Value>) -> Value {
    let mut request = json!({ "type": "join", "roomId": "lobby-1" });
    if let Some(since) = since {
        request["since"] = since;
    }
    peer.send(&request).await;
    peer.receive_type("joined").await
}

/// Leaves, and lets the room expire.
async fn leave_idle(peer: &mut Peer) {
    peer.send(&json!({ "type": "leave", "roomId": "lobby-1" })).await;
    peer.receive_type("left").await;
    peer.receive_type("roomDeleted").await;
}

async fn say(dialogue: &Dialogue, number: u64) -> Option<u64> {
    let delivery = dialogue.trigger::<Plenty>(LOBBY, Plenty { number }).await;
    delivery.expect("a delivery").seq
}

#[tokio::test(start_paused = true)]
async fn the_servers_trigger_reaches_an_idle_room_and_its_clients_recover_the_event() {
    for server in servers() {
        let dialogue = server.build().expect("a server");
        let mut ada = peer(&dialogue).await;
        let first = join(&mut ada, None).await;
        assert_eq!(say(&dialogue, 1).await, Some(1));
        leave_idle(&mut ada).await;
        assert_eq!(say(&dialogue, 2).await, Some(2));
        assert_eq!(
            ada.receive_type("roomCreated").await["room"]["id"],
            "lobby-1",
            "it is present again"
        );
        ada.receive_type("roomDeleted").await;
        let again = join(&mut ada, Some(json!({ "epoch": first["epoch"], "seq": 1 }))).await;
        assert_eq!((&again["epoch"], &again["recovered"]), (&first["epoch"], &json!(true)));
        assert_eq!(again["events"][0]["data"], json!({ "number": 2 }));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_with_history_begins_a_room_on_demand_and_any_other_finds_none() {
    for server in servers() {
        let dialogue = server.build().expect("a server");
        let fleeting = super::Fleeting { number: 1 };
        let nobody = dialogue.trigger::<super::Fleeting>(LOBBY, fleeting).await;
        assert!(matches!(nobody, Err(TriggerError::NoSuchRoom { .. })), "{nobody:?}");
        assert_eq!(say(&dialogue, 1).await, Some(1));
        let mut ada = peer(&dialogue).await;
        ada.receive_type("roomDeleted").await;
        let fleeting = super::Fleeting { number: 1 };
        dialogue
            .trigger::<super::Fleeting>(LOBBY, fleeting)
            .await
            .expect("it has a log");
        let joined = join(&mut ada, Some(json!({ "epoch": "other", "seq": 1 }))).await;
        assert_eq!(joined["seq"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_stays_usable_while_its_room_is_idle() {
    for server in servers() {
        let dialogue = server.build().expect("a server");
        let mut ada = peer(&dialogue).await;
        join(&mut ada, None).await;
        say(&dialogue, 1).await;
        let handle = dialogue.here().room(LOBBY).expect("the room");
        leave_idle(&mut ada).await;
        assert_eq!(handle.history::<Plenty>(0..9).await.expect("a page").len(), 1);
        assert!(
            ada.receive_type("roomDeleted").await["roomId"] == "lobby-1",
            "idle again"
        );
        let delivery = handle.trigger(Plenty { number: 2 }).await.expect("a delivery");
        assert_eq!(delivery.seq, Some(2));
        ada.receive_type("roomDeleted").await;
        let client = dialogue.here().clients()[0].clone();
        client.join(handle.clone()).await.expect("its own room");
        assert!(handle.delete().await.expect("a deletion"));
        let gone = handle.trigger(Plenty { number: 3 }).await;
        assert!(matches!(gone, Err(TriggerError::NoSuchRoom { .. })), "{gone:?}");
        say(&dialogue, 4).await;
        let other = handle.trigger(Plenty { number: 5 }).await;
        assert!(
            matches!(other, Err(TriggerError::NoSuchRoom { .. })),
            "another incarnation"
        );
        assert_eq!(handle.history::<Plenty>(0..9).await.expect("a page").len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn triggers_at_once_in_an_idle_room_make_one_room() {
    for server in servers() {
        let created = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&created);
        let dialogue = server
            .on_room_created(move |_| {
                *counted.lock() += 1;
                async {}
            })
            .build()
            .expect("a server");
        say(&dialogue, 0).await;
        let mut ada = peer(&dialogue).await;
        ada.receive_type("roomDeleted").await;
        let triggers = (1..=20).map(|number| dialogue.trigger::<Plenty>(LOBBY, Plenty { number }));
        let mut numbers: Vec<_> = futures_util::future::join_all(triggers)
            .await
            .into_iter()
            .map(|delivery| delivery.expect("a delivery").seq.expect("a number"))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (2..=21).collect::<Vec<_>>());
        ada.receive_type("roomDeleted").await;
        assert_eq!(*created.lock(), 2);
    }
}

/// What every call of the server says of a room.
async fn is_unavailable(dialogue: &Dialogue, id: &str) {
    let found = dialogue.room(id).await;
    assert!(matches!(found, Err(RoomUnavailable::Store(_))), "{found:?}");
    let triggered = dialogue.trigger::<Plenty>(AnyRoom(id), Plenty { number: 0 }).await;
    assert!(matches!(triggered, Err(TriggerError::NotAccepted(_))), "{triggered:?}");
    let deleted = dialogue.delete_room(id).await;
    assert!(deleted.is_err(), "{deleted:?}");
    let client = dialogue.here().clients()[0].clone();
    let joined = client.join(id).await;
    assert!(matches!(joined, Err(JoinError::Store(_))), "{joined:?}");
}

/// A room that the compiler does not know.
#[derive(Debug, Clone, Copy)]
struct AnyRoom<'a>(&'a str);

impl RoomRef for AnyRoom<'_> {
    fn room_id(&self) -> crate::RoomId {
        self.0.into()
    }
}

impl<E> crate::room::Allows<E> for AnyRoom<'_> {}

#[tokio::test(start_paused = true)]
async fn a_room_that_the_store_cannot_read_is_not_missing() {
    let store = FakeStore::new();
    let server = |store: &Arc<FakeStore>| {
        let limits = Limits::default().with_on_demand_idle(Duration::from_secs(5));
        let builder = Dialogue::builder().rooms::<Rooms>().limits(limits);
        builder
            .durable(Arc::clone(store) as Arc<dyn DurableLog>)
            .build()
            .expect("a server")
    };
    let dialogue = server(&store);
    say(&dialogue, 1).await;
    dialogue.create_room(RoomConfig::new("lounge")).await.expect("a room");
    drop(dialogue);

    let store = store.restart();
    let dialogue = server(&store);
    let _ada = peer(&dialogue).await;
    store.fail_reads(Some(broken()));
    for id in ["lounge", "lobby-1", "lobby-2"] {
        is_unavailable(&dialogue, id).await;
    }
    assert_eq!(dialogue.room("cellar").await, Ok(None), "no read can say otherwise");
    store.fail_reads(None);
    let found = |id: &'static str| {
        let dialogue = dialogue.clone();
        async move { dialogue.room(id).await.expect("an answer").is_some() }
    };
    assert!(found("lounge").await && found("lobby-1").await);
    assert!(!found("lobby-2").await, "it was never used");

    let handle = dialogue.here().room(LOBBY).expect("the room");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(dialogue.here().room(LOBBY).is_none(), "idle");
    store.fail_reads(Some(broken()));
    let page = handle.history::<Plenty>(0..9).await;
    assert!(matches!(page, Err(HistoryError::Store(_))), "{page:?}");
    let triggered = handle.trigger(Plenty { number: 2 }).await;
    assert!(matches!(triggered, Err(TriggerError::NotAccepted(_))), "{triggered:?}");
    assert!(handle.erase(1).await.is_err());
    assert!(handle.delete().await.is_err());
    assert!(dialogue.erase_user("ada").await.is_err());
    store.fail_reads(None);
    assert_eq!(handle.history::<Plenty>(0..9).await.expect("a page").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_for_which_there_is_no_space_is_not_missing() {
    let limits = Limits::default()
        .with_on_demand_idle(Duration::from_secs(5))
        .with_max_rooms(1);
    let server = Dialogue::builder().rooms::<Rooms>().limits(limits);
    let dialogue = server.build().expect("a server");
    say(&dialogue, 1).await;
    let mut ada = peer(&dialogue).await;
    ada.receive_type("roomDeleted").await;
    dialogue.create_room(RoomConfig::new("lounge")).await.expect("a room");
    let found = dialogue.room(LOBBY).await;
    assert!(matches!(found, Err(RoomUnavailable::LimitExceeded(_))), "{found:?}");
    let triggered = dialogue.trigger::<Plenty>(LOBBY, Plenty { number: 2 }).await;
    assert!(
        matches!(triggered, Err(TriggerError::LimitExceeded(_))),
        "{triggered:?}"
    );
    dialogue.delete_room("lounge").await.expect("a deletion");
    let room = dialogue.room(LOBBY).await.expect("an answer").expect("the room");
    assert_eq!(room.history::<Plenty>(0..9).await.expect("a page").len(), 1);
}
