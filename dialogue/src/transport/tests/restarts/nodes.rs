//! Clients that come back to another node of a cluster: who they are there, and what becomes of triggers that they repeat.

use super::*;
use crate::cluster::tests::{FakeNode, Hub};

fn node(hub: &Arc<Hub>, refuses: bool) -> (Arc<FakeNode>, Dialogue) {
    let node = hub.node();
    let dialogue = describe(refuses).with_cluster(Arc::clone(&node) as _).build();
    (node, dialogue.expect("a server"))
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_user_keeps_its_id_on_each_node_and_once() {
    let hub = Hub::new([]);
    let nodes = [0, 1, 2].map(|_| node(&hub, false).1);
    let first = member(&nodes[0], None, None).await;
    let (id, resume) = (first.connected["userId"].clone(), first.resume());
    drop(first);
    settle().await;
    for dialogue in &nodes {
        let back = member(dialogue, None, Some(&resume)).await;
        assert_eq!(back.connected["userId"], id);
        let again = member(dialogue, None, Some(&resume)).await;
        assert_ne!(again.connected["userId"], id, "a token works once on each node");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_accepted_long_after_the_table_of_its_own_node_has_forgotten_it() {
    let hub = Hub::new([]);
    let dialogue = node(&hub, false).1;
    let first = member(&dialogue, None, None).await;
    let (id, resume) = (first.connected["userId"].clone(), first.resume());
    drop(first);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let back = member(&dialogue, None, Some(&resume)).await;
    assert_eq!(back.connected["userId"], id);
}

#[tokio::test(start_paused = true)]
async fn a_token_gives_no_other_user_an_id() {
    let hub = Hub::new([]);
    let nodes = [0, 1].map(|_| node(&hub, false).1);
    let anonymous = member(&nodes[0], None, None).await;
    let id = anonymous.connected["userId"].as_str().expect("an id").to_owned();
    let eve = member(&nodes[1], Some("eve"), Some(&anonymous.resume())).await;
    assert_eq!(eve.connected["userId"], "eve");
    let ada = member(&nodes[0], Some("ada"), None).await;
    let nobody = member(&nodes[1], None, Some(&ada.resume())).await;
    assert_ne!(nobody.connected["userId"], "ada");
    // Neither attempt has taken the token.
    let back = member(&nodes[1], None, Some(&anonymous.resume())).await;
    assert_eq!(back.connected["userId"], id);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_repeated_on_another_node_is_stored_once() {
    for auth in [None, Some("ada")] {
        let hub = Hub::new([]);
        let (one, two) = (node(&hub, false).1, node(&hub, true).1);
        let mut first = member(&one, auth, None).await;
        assert_eq!(first.trigger("archived", "k", None).await, "ok");
        let attempt = first.first_attempt();
        let mut second = member(&two, auth, Some(&first.resume())).await;
        assert_eq!(second.epoch, first.epoch);
        // It is answered without asking whether the user may trigger it now.
        assert_eq!(second.trigger("archived", "k", Some(&attempt)).await, "ok");
        assert_eq!(stored(&hub.store), 1);
        if auth.is_none() {
            // Without its token, nobody knows that it was this user who sent it.
            let mut other = member(&two, None, None).await;
            let outcome = other.trigger("archived", "k", Some(&attempt)).await;
            assert_eq!(outcome, "OUTCOME_UNKNOWN");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_from_node_to_node_can_repeat_its_first_trigger() {
    let hub = Hub::new([]);
    let nodes = [0, 1, 2, 0].map(|_| node(&hub, false).1);
    let mut member_now = member(&nodes[0], None, None).await;
    assert_eq!(member_now.trigger("archived", "k", None).await, "ok");
    let attempt = member_now.first_attempt();
    for dialogue in &nodes[1..] {
        member_now = member(dialogue, None, Some(&member_now.resume())).await;
    }
    assert_eq!(member_now.trigger("archived", "k", Some(&attempt)).await, "ok");
    assert_eq!(stored(&hub.store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_revoked_user_is_refused_by_the_node_that_revoked_it() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub, false).1, node(&hub, false).1);
    let anonymous = member(&one, None, None).await;
    let id = anonymous.connected["userId"].as_str().expect("an id").to_owned();
    two.revoke(&id).await;
    let back = member(&two, None, Some(&anonymous.resume())).await;
    assert_ne!(back.connected["userId"], *id);
}
