//! What clients can take of a server's rooms by naming rooms that only the store has.

use super::*;
use crate::hook::Refusal;
use crate::log::tests::fake_store::Verdict;

/// A store with `table-1` and so on, which the server has created, and on which nothing is open.
async fn with_tables(count: u64) -> Arc<FakeStore> {
    let store = FakeStore::new();
    let dialogue = server(&store);
    for number in 1..=count {
        dialogue.create_room(Table { number }).await.expect("a room");
    }
    drop(dialogue);
    store.restart()
}

fn within(store: &Arc<FakeStore>, limits: Limits) -> Builder {
    on(store).limits(limits.with_on_demand_idle(IDLE))
}

/// The reply to the join of a table: its type, or the code of the error.
async fn table(peer: &mut Peer, number: u64) -> String {
    let reply = join(peer, &format!("table-{number}"), None).await;
    let code = reply["code"].as_str().or(reply["type"].as_str());
    code.unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_refused_leaves_no_room_in_this_process() {
    let store = with_tables(3).await;
    let dialogue = on(&store)
        .before_join(|_, _| async { Err(Refusal::new("not you").into()) })
        .build()
        .expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    for number in 1..=3 {
        assert_eq!(table(&mut ada, number).await, "JOIN_DENIED");
    }
    assert_eq!(dialogue.here().rooms().len(), 1, "only the hall");
}

#[tokio::test(start_paused = true)]
async fn stored_rooms_that_a_user_makes_present_count_as_its_rooms_on_demand() {
    let store = with_tables(3).await;
    let limits = Limits::default().with_on_demand_rooms_per_user(2);
    let dialogue = within(&store, limits).build().expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    assert_eq!(table(&mut ada, 1).await, "joined");
    assert_eq!(table(&mut ada, 2).await, "joined");
    assert_eq!(table(&mut ada, 3).await, "LIMIT_EXCEEDED");
    let mut bob = peer(&dialogue, "bob").await;
    assert_eq!(table(&mut bob, 3).await, "joined");
    assert_eq!(table(&mut ada, 3).await, "joined", "it is present already");
    ask(&mut ada, json!({ "type": "leave", "roomId": "table-1" })).await;
    tokio::time::sleep(IDLE * 3).await;
    let lobby = join(&mut ada, "lobby-1", None).await;
    assert_eq!(lobby["type"], "joined", "its share is free again");
    let lobby = join(&mut ada, "lobby-2", None).await;
    assert_eq!(lobby["code"], "LIMIT_EXCEEDED");
}

#[tokio::test(start_paused = true)]
async fn clients_alone_never_take_the_servers_part_of_the_rooms_by_loading_them() {
    let store = with_tables(20).await;
    let limits = Limits::default().with_max_rooms(20);
    let dialogue = within(&store, limits).build().expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    for number in 1..=18 {
        assert_eq!(table(&mut ada, number).await, "joined");
    }
    assert_eq!(table(&mut ada, 19).await, "LIMIT_EXCEEDED");
    let created = dialogue.create_room(Table { number: 100 }).await;
    assert!(created.is_ok(), "{created:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_not_permitted_loads_no_room() {
    let store = with_tables(1).await;
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let denied = ask(&mut ada, json!({ "type": "deleteRoom", "roomId": "table-1" })).await;
    assert_eq!(denied["code"], "PERMISSION_DENIED");
    let unknown = ask(&mut ada, json!({ "type": "deleteRoom", "roomId": "table-2" })).await;
    assert_eq!(unknown["code"], "ROOM_NOT_FOUND");
    assert!(dialogue.here().room("table-1").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stored_room_can_be_deleted_while_no_other_room_fits() {
    let store = with_tables(2).await;
    let dialogue = within(&store, Limits::default().with_max_rooms(1))
        .build()
        .expect("a server");
    assert_eq!(dialogue.delete_room(Table { number: 1 }).await, Ok(true));
    assert_eq!(dialogue.here().rooms().len(), 1, "only the hall");
}

#[tokio::test(start_paused = true)]
async fn a_room_whose_creation_had_an_unknown_outcome_counts_for_its_creator() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let create = |number: u64| json!({ "type": "createRoom", "room": { "id": format!("table-{number}") } });
    store.plan([Verdict::Hide(broken())]);
    assert_eq!(ask(&mut ada, create(1)).await["code"], "UNAVAILABLE");
    assert_eq!(ask(&mut ada, create(1)).await["code"], "ROOM_EXISTS");
    assert_eq!(ask(&mut ada, create(2)).await["type"], "roomCreated");
    assert_eq!(ask(&mut ada, create(3)).await["code"], "LIMIT_EXCEEDED");
    let delete = json!({ "type": "deleteRoom", "roomId": "table-1" });
    assert_eq!(ask(&mut ada, delete).await["type"], "roomDeleted");
    assert_eq!(ask(&mut ada, create(3)).await["type"], "roomCreated");
    assert_eq!(ask(&mut ada, create(4)).await["code"], "LIMIT_EXCEEDED");
}
