//! A server of a cluster is lost, and its replica takes over. And a cluster with TLS, whose servers have names.

use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, sleep, timeout};

use super::connections::{SOON, connected, fast, next, pem, start, until};
use super::routes::{self, add, publish};
use super::three_servers::Cluster;
use crate::cluster::Contact;
use crate::cluster::redis::address::Address;
use crate::cluster::redis::calls::{CallError, Calls, FeedEvent};
use crate::cluster::redis::keys::Keys;
use crate::cluster::redis::settings::Redis;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_replica_takes_over_from_a_killed_primary() {
    let mut cluster = Cluster::start();
    let (connections, mut events, keys) = routes::node(&cluster).await;
    let partition = keys.partitions().next().unwrap();
    let other = keys.partitions().last().unwrap();
    let lost = cluster.owner(keys.slot(partition));
    cluster.add_replica(lost);
    let before = connections.identity(partition).unwrap();
    let channel = keys.partition_channel(partition);
    let other_channel = keys.partition_channel(other);
    connections.subscribe(partition, channel.clone()).await.unwrap();
    connections.subscribe(other, other_channel.clone()).await.unwrap();
    let mut contact = connections.contact();
    contact
        .wait_for(|contact| *contact == Contact::Connected)
        .await
        .unwrap();
    let begun = Instant::now();
    cluster.servers[lost].1.stop();
    timeout(
        SOON,
        contact.wait_for(|contact| matches!(contact, Contact::Lost { .. })),
    )
    .await
    .unwrap()
    .unwrap();
    // Meanwhile no call may have been made, or it is told that it may.
    let mut number = 0;
    while connections.identity(partition).is_none() {
        assert!(begun.elapsed() < SOON);
        number += 1;
        for at in [partition, other] {
            match add(&connections, &keys, at, &number.to_string()).await {
                Ok(Value::Int(1)) | Err(CallError::NotSent(_) | CallError::Refused(_)) => {}
                outcome => panic!("{outcome:?}"),
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    timeout(SOON, contact.wait_for(|contact| *contact == Contact::Connected))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(connections.identity(partition).unwrap(), before);
    // The replica needs a moment until it answers for its slots.
    let mut last = Value::Nil;
    while last != Value::Int(1) {
        assert!(begun.elapsed() < SOON);
        number += 1;
        last = add(&connections, &keys, partition, &number.to_string())
            .await
            .unwrap_or(Value::Nil);
        sleep(Duration::from_millis(50)).await;
    }
    loop {
        match next(&mut events).await {
            FeedEvent::Resubscribed { channel: again } if again == channel => break,
            FeedEvent::Lost { channel: lost } => assert_eq!(lost, channel, "only one server was lost"),
            FeedEvent::Resubscribed { channel } => panic!("{channel:?} was not lost"),
            FeedEvent::Message { .. } => panic!("nobody publishes"),
        }
    }
    assert_eq!(publish(&cluster, 3, &channel), 1);
    assert!(matches!(next(&mut events).await, FeedEvent::Message { channel: got, .. } if got == channel));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn servers_of_a_cluster_are_checked_under_their_names() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("dialogue-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let certificate = pem("CERTIFICATE", key.cert.der());
    std::fs::write(folder.join("cert"), &certificate).unwrap();
    std::fs::write(folder.join("key"), pem("PRIVATE KEY", &key.signing_key.serialize_der())).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (cert, secret) = (file("cert"), file("key"));
    let cluster = Cluster::with(
        |port| {
            let settings = [
                "--port",
                "0",
                "--tls-port",
                port,
                "--tls-cluster",
                "yes",
                "--tls-auth-clients",
                "no",
            ];
            let names = [
                "--cluster-announce-hostname",
                "localhost",
                "--cluster-preferred-endpoint-type",
                "hostname",
            ];
            let files = [
                "--tls-cert-file",
                &cert,
                "--tls-key-file",
                &secret,
                "--tls-ca-cert-file",
                &cert,
            ];
            settings
                .iter()
                .chain(&names)
                .chain(&files)
                .map(|&word| word.to_owned())
                .collect()
        },
        &["--tls", "--cacert", &cert],
    );
    let url = format!("rediss://localhost:{}", cluster.servers[0].0);
    let (connections, _events) = start(Redis::connect(url).trust(certificate).timing(fast()));
    connected(&connections).await;
    let keys = Keys::new("dialogue", 0, 256).unwrap();
    connections.agreed(&keys);
    for partition in keys.partitions() {
        until(|| connections.identity(partition)).await;
    }
    let servers = connections.servers();
    assert_eq!(servers.len(), 3);
    for (address, _) in servers {
        assert!(
            matches!(&address, Address::Tcp { host, .. } if host == "localhost"),
            "{address:?}"
        );
    }
    for partition in keys.partitions().step_by(50) {
        assert_eq!(add(&connections, &keys, partition, "a").await, Ok(Value::Int(1)));
    }
    drop(cluster);
    std::fs::remove_dir_all(folder).unwrap();
}
