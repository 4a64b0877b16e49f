//! Events whose outcome is unknown: what they owe to members, to the counts, and to the end of the server.

use super::*;
use crate::log::tests::fake_store::broken;

#[tokio::test(start_paused = true)]
#[ignore = "fails until STORE"]
async fn a_repetition_of_another_event_does_not_settle_an_unknown_outcome() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    store.commit();
    ada.with_key(2, "k").await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1", "error 2 UNAVAILABLE"]);
    ben.plenty(3).await;
    store.repeat(1);
    pass(2).await;
    assert_eq!(ada.received().await, ["event 2 #2"]);
    assert_eq!(ben.received().await, ["event 1 #1", "ok 3 #1", "event 2 #2"]);
    ada.with_key(4, "k").await;
    assert_eq!(ada.received().await, ["ok 4 #2"]);
}
