//! A feed with many channels.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::join_all;

use super::connections::{connected, next, publish, start, unix, until};
use super::server::Server;
use crate::cluster::redis::calls::{Calls, FeedEvent};
use crate::cluster::redis::keys::Partition;

const CHANNELS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn ten_thousand_channels_are_subscribed_again() {
    let server = Server::start();
    let (connections, mut events) = start(unix(&server));
    connected(&connections).await;
    let channels: HashSet<Bytes> = (0..CHANNELS).map(|n| format!("{{dialogue}}:c:{n}").into()).collect();
    let answers = channels
        .iter()
        .map(|channel| connections.subscribe(Partition::META, channel.clone()));
    for answer in join_all(answers).await {
        answer.unwrap();
    }
    let mut admin = server.connect();
    for _ in 0..2 {
        let killed: u64 = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "pubsub"])
            .query(&mut admin)
            .unwrap();
        assert_eq!(killed, 1);
        let (mut lost, mut again) = (HashSet::new(), HashSet::new());
        while again.len() < CHANNELS {
            match next(&mut events).await {
                FeedEvent::Lost { channel } => assert!(lost.insert(channel)),
                FeedEvent::Resubscribed { channel } => assert!(again.insert(channel)),
                FeedEvent::Message { .. } => panic!("nobody publishes"),
            }
        }
        assert_eq!(lost, channels);
        assert_eq!(again, channels);
        assert!(channels.iter().take(100).all(|channel| publish(&server, channel, "x")));
        for _ in 0..100 {
            assert!(matches!(next(&mut events).await, FeedEvent::Message { .. }));
        }
    }
    for channel in &channels {
        connections.unsubscribe(Partition::META, channel.clone());
    }
    // Only the feed's own channel may be left.
    until(|| {
        let left: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").query(&mut admin).unwrap();
        (left.len() <= 1).then_some(())
    })
    .await;
    assert!(events.try_recv().is_err());
}
