//! The rights of the user of Redis, as `docs/cluster.md` lists them.

use dialogue::prelude::*;
use dialogue::{redis as dialogue_redis, testing};
use dialogue_tests::repository;

use super::redis::Redis;

/// A line of a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 2)]
pub(crate) struct Line {
    text: String,
}

rooms! {
    Rooms;
    Hall = "hall" {
        events: [Line],
        default_subscriptions: *,
    }
    Ticket { id: u64 } = "ticket-{id}" {
        events: [Line],
        default_subscriptions: *,
    }
}

/// The command in the document, as words.
fn documented_rule() -> Vec<String> {
    let document = repository::text("docs/cluster.md");
    let begin = document.find("ACL SETUSER").expect("docs/cluster.md has the rule");
    let rule = document[begin..].split("```").next().expect("the rule ends");
    rule.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_rights_that_cluster_md_lists_are_enough() {
    let redis = Redis::start().await;
    let rule = documented_rule();
    let words: Vec<_> = rule.iter().map(String::as_str).collect();
    let _: String = redis.ask(&words);
    let node = || {
        let settings =
            dialogue_redis::Redis::connect(format!("redis://desk:secret@{}", redis.address())).prefix("desk");
        Dialogue::builder()
            .rooms::<Rooms>()
            .trust_client_identity()
            .on_history_evicted(|_| async { Ok(()) })
            .cluster(settings)
            .build()
            .expect("a server")
    };
    let (one, other) = (node(), node());
    let line = |text: &str| Line { text: text.to_owned() };
    for number in 0..4 {
        let accepted = one.trigger::<Line>(Hall, line(&number.to_string())).await;
        accepted.expect("one node stores an event");
    }
    let client = testing::connect(&other).auth(serde_json::json!({ "userId": "ada" }));
    let client = client.await.expect("a client of the other node");
    let hall = client.join(Hall).await.expect("a member");
    let mut lines = hall.stream::<Line>();
    one.trigger::<Line>(Hall, line("live")).await.expect("an event");
    let live = lines.next().await.expect("a member").expect("a line");
    assert_eq!(live.data.text, "live");
    hall.trigger(line("a reply")).await.expect("a trigger of the member");
    one.create_room(Ticket { id: 7 }).await.expect("a room");
    other
        .trigger(Ticket { id: 7 }, line("found"))
        .await
        .expect("the other node finds it");
    let room = one
        .room(Ticket { id: 7 })
        .await
        .expect("Redis answers")
        .expect("the room");
    assert!(room.erase(1).await.expect("Redis erases"));
    assert!(one.delete_room(Ticket { id: 7 }).await.expect("Redis deletes"));
    for dialogue in [one, other] {
        dialogue.stop().await.expect("it stops");
    }
    let denied: redis::Value = redis.ask(&["ACL", "LOG"]);
    assert_eq!(denied, redis::Value::Array(Vec::new()), "Redis has denied nothing");
}
