//! The window belongs to one incarnation of a room: the one that is present. Nothing else changes it, and what it lacks is read
//! from the store.

use parking_lot::Mutex;

use super::*;
use crate::RoomHandle;
use crate::hook::Refusal;

/// A server whose `before_join` keeps the room's handle, and refuses `xenia`.
fn gated(store: &Arc<FakeStore>) -> (Dialogue, Arc<Mutex<Vec<RoomHandle>>>) {
    let handles: Arc<Mutex<Vec<RoomHandle>>> = Arc::default();
    let kept = Arc::clone(&handles);
    let dialogue = on(store)
        .before_join(move |client, room| {
            let kept = Arc::clone(&kept);
            async move {
                if client.user_id() == "xenia" {
                    kept.lock().push(room);
                    return Err(Refusal::new("not you").into());
                }
                Ok(())
            }
        })
        .build()
        .expect("a server");
    (dialogue, handles)
}

#[tokio::test(start_paused = true)]
async fn a_handle_from_before_join_does_not_replace_the_window_of_the_room_that_is_present() {
    let store = FakeStore::new();
    put(&store, &first(&store, "lobby-1"), 4);
    let (dialogue, handles) = gated(&store);
    let mut xenia = peer(&dialogue, "xenia").await;
    assert_eq!(join(&mut xenia, "lobby-1", None).await["type"], "error");
    let handle = handles.lock().pop().expect("a handle");
    assert!(
        dialogue.delete_room(Lobby { number: 1 }).await.expect("a deletion"),
        "idle"
    );

    let mut yves = peer(&dialogue, "yves").await;
    let epoch = join(&mut yves, "lobby-1", None).await["epoch"].clone();
    assert_ne!(epoch, handle.epoch());
    for number in 1..=5 {
        let room = Lobby { number: 1 };
        dialogue
            .trigger::<Plenty>(room, Plenty { number })
            .await
            .expect("a delivery");
    }
    let read = handle.history::<Plenty>(0..10).await.expect("a page");
    assert_eq!(read.len(), 0, "its room is deleted");
    assert!(handle.trigger(Plenty { number: 6 }).await.is_err());
    let mut zoe = peer(&dialogue, "zoe").await;
    let joined = join(&mut zoe, "lobby-1", Some((&epoch, 2))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![3, 4, 5]));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_before_join_reads_is_loaded_again_when_it_is_present() {
    let store = FakeStore::new();
    let key = first(&store, "lobby-1");
    put(&store, &key, 4);
    let of_hook = Arc::clone(&store);
    let dialogue = on(&store)
        .before_join(move |_, room| {
            let (store, key) = (Arc::clone(&of_hook), key.clone());
            async move {
                room.history::<Plenty>(0..10).await.expect("a page");
                // Another room with this id came and went meanwhile.
                put(&store, &key, 2);
                Ok(())
            }
        })
        .build()
        .expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    let joined = join(&mut ada, "lobby-1", Some((&json!(store.first_epoch("lobby-1")), 3))).await;
    assert_eq!(
        (&joined["recovered"], &joined["seq"], numbers(&joined)),
        (&json!(true), &json!(6), vec![4, 5, 6])
    );
}

#[tokio::test(start_paused = true)]
async fn a_room_whose_window_is_gone_is_recovered_from_the_store() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 5);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let epoch = join(&mut ada, "hall", None).await["epoch"].clone();
    let hall = dialogue.here().room("hall").expect("a room").cell;
    dialogue.core.history.log.forget_room(&hall.id);
    let mut bob = peer(&dialogue, "bob").await;
    let joined = join(&mut bob, "hall", Some((&epoch, 2))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![3, 4, 5]));
}

#[tokio::test(start_paused = true)]
async fn a_room_without_events_is_recovered_although_it_has_no_window() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let room = dialogue.create_room(Table { number: 1 }).await.expect("a room");
    let epoch = json!(room.epoch());
    dialogue.core.history.log.forget_room(room.id());
    let mut ada = peer(&dialogue, "ada").await;
    let joined = join(&mut ada, "table-1", Some((&epoch, 0))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_idle_room_that_a_client_joins_while_it_is_deleted_is_left() {
    let store = FakeStore::new();
    put(&store, &first(&store, "lobby-1"), 4);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    store.set_manual(true);
    let deleting = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.delete_room(Lobby { number: 1 }).await }
    });
    store.until_waiting(1).await;
    let before = join(&mut ada, "lobby-1", None).await["epoch"].clone();
    assert_eq!(before, json!(store.first_epoch("lobby-1")));
    store.commit();
    assert_eq!(deleting.await.expect("an outcome"), Ok(true));
    settle().await;
    let (mut left, mut frames) = (false, ada.drain().await.into_iter());
    while let Some(super::super::peer::PeerFrame::Text(frame)) = frames.next() {
        left |= frame["type"] == "left" && frame["reason"] == "roomDeleted";
    }
    assert!(left, "the member learns of the deletion");
    store.set_manual(false);
    let after = join(&mut ada, "lobby-1", None).await["epoch"].clone();
    assert_ne!(after, before);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_stalls_does_not_delay_the_expiry_of_other_rooms() {
    let store = FakeStore::new();
    let limits = Limits::default()
        .with_on_demand_idle(IDLE)
        .with_append_deadline(Duration::from_secs(1_000));
    let dialogue = on(&store).limits(limits).build().expect("a server");
    let mut nobody = Peer::connect(&dialogue, 1 << 16).await;
    nobody.receive_type("connected").await;
    let create = json!({ "type": "createRoom", "room": { "id": "table-9" } });
    assert_eq!(ask(&mut nobody, create).await["type"], "roomCreated");
    drop(nobody);
    store.set_manual(true);
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "lobby-1", None).await;
    store.until_waiting(1).await;
    ask(&mut ada, json!({ "type": "leave", "roomId": "lobby-1" })).await;
    tokio::time::sleep(IDLE * 3).await;
    assert_eq!(store.waiting(), 1, "the room is deleted once");
    assert!(dialogue.here().room("lobby-1").is_none(), "this one has expired");
    store.refuse(broken());
    store.until_waiting(1).await;
    store.commit();
    settle().await;
    assert!(dialogue.here().room("table-9").is_none(), "the deletion is repeated");
}
