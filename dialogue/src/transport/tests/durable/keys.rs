//! Keys with a store: an event is stored and delivered once, however often its trigger is repeated.

use super::*;
use crate::log::tests::fake_store::broken;

#[tokio::test(start_paused = true)]
async fn a_trigger_dropped_midway_and_repeated_with_its_key_is_delivered_once() {
    let (store, dialogue) = plain().await;
    let mut first = member(&dialogue).await;
    let attempt = first.first_attempt();
    first.with_key(1, "k").await;
    // The connection is lost while the store has the event.
    drop(first);
    settle().await;
    let mut second = member(&dialogue).await;
    second.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
    assert_eq!(second.received().await, [""; 0], "the repetition waits");
    assert_eq!(store.waiting(), 1);
    store.commit();
    assert_eq!(second.received().await, ["event 1 #1", "ok 2 #1"]);
    second.trigger(3, "plenty", Some("k"), Some(&attempt)).await;
    assert_eq!(second.received().await, ["ok 3 #1"]);
    assert_eq!(store.events("room").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_free_again() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    let attempt = ada.first_attempt();
    ada.with_key(1, "k").await;
    store.refuse(broken());
    assert_eq!(ada.received().await, ["error 1 UNAVAILABLE"]);
    ada.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 2 #1", "ok 2 #1"]);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_free_at_once() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    let attempt = ada.first_attempt();
    ada.with_key(1, "k").await;
    pass(11).await;
    assert_eq!(ada.received().await, ["error 1 UNAVAILABLE"]);
    ada.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
    store.commit_all();
    assert_eq!(ada.received().await, ["event 2 #1", "ok 2 #1"]);
    assert_eq!(store.events("room").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_waits_for_an_append_that_has_begun_but_not_forever() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    let attempt = ada.first_attempt();
    ada.with_key(1, "k").await;
    store.begin();
    pass(11).await;
    assert_eq!(ada.received().await, ["error 1 UNAVAILABLE"]);
    ada.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
    pass(9).await;
    assert_eq!(ada.received().await, [""; 0]);
    pass(2).await;
    assert_eq!(ada.received().await, ["error 2 UNAVAILABLE"]);
    ada.trigger(3, "plenty", Some("k"), Some(&attempt)).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 3 #1"]);
    assert_eq!(store.events("room").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_after_an_unknown_outcome_is_stored_once_whether_or_not_the_first_was() {
    for is_stored in [false, true] {
        let (store, dialogue) = plain().await;
        let mut ada = member(&dialogue).await;
        let attempt = ada.first_attempt();
        ada.with_key(1, "k").await;
        match is_stored {
            true => store.hide(broken()),
            false => store.lose(broken()),
        }
        assert_eq!(ada.received().await, ["error 1 UNAVAILABLE"]);
        // The store forgets keys after two minutes, but the failure lasts longer.
        pass(200).await;
        ada.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
        assert_eq!(store.waiting(), 0, "the key is reserved until the outcome is known");
        store.recover();
        pass(2).await;
        store.commit_all();
        let expected = match is_stored {
            true => ["event 1 #1", "ok 2 #1"],
            false => ["event 2 #1", "ok 2 #1"],
        };
        assert_eq!(ada.received().await, expected);
        assert_eq!(store.events("room").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_store_knows_is_confirmed_behind_its_event() {
    // Memory keeps no key, but the store does.
    let store = FakeStore::manual();
    let dialogue = server(&store, Limits::default().with_keys(0), |builder| builder).await;
    let mut ada = member(&dialogue).await;
    ada.with_key(1, "k").await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
    ada.with_key(2, "k").await;
    store.commit();
    assert_eq!(ada.received().await, ["ok 2 #1"]);
    assert_eq!(store.events("room").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_that_arrives_while_the_first_attempt_waits_gets_its_outcome() {
    let (store, dialogue) = plain().await;
    let (mut first, mut second) = (member(&dialogue).await, member(&dialogue).await);
    let attempt = first.first_attempt();
    first.with_key(1, "k").await;
    second.trigger(2, "plenty", Some("k"), Some(&attempt)).await;
    assert_eq!(store.waiting(), 1);
    store.commit();
    assert_eq!(first.received().await, ["event 1 #1", "ok 1 #1"]);
    assert_eq!(second.received().await, ["event 1 #1", "ok 2 #1"]);
}
