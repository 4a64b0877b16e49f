//! Revocations that the store cannot note at once.

use super::*;
use crate::log::durable::DurableLog;
use crate::log::tests::fake_store::broken;

fn revoked(store: &FakeStore) -> Vec<String> {
    let revoked = store.run().revoked;
    revoked.iter().map(|last| last.user.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_noted_once_the_store_works_again() {
    let store = FakeStore::new();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    store.fail_reads(Some(broken()));
    dialogue.revoke("ada").await;
    dialogue.revoke("ben").await;
    assert_eq!(revoked(&store), [""; 0]);
    store.fail_reads(None);
    pass(10).await;
    let mut users = revoked(&store);
    users.sort();
    assert_eq!(users, ["ada", "ben"]);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_noted_although_nobody_waits_for_it() {
    let store = FakeStore::new();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    store.hold_reads(true);
    tokio::time::timeout(Duration::from_secs(1), dialogue.revoke("ada"))
        .await
        .expect_err("the store does not answer");
    store.hold_reads(false);
    pass(10).await;
    assert_eq!(revoked(&store), ["ada"]);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_does_not_outlive_its_server() {
    let store = FakeStore::new();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    store.fail_reads(Some(broken()));
    dialogue.revoke("ada").await;
    let weak = dialogue.downgrade();
    drop(dialogue);
    pass(20).await;
    assert!(weak.upgrade().is_none());
}
