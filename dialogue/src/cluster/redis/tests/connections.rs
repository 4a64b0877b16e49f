//! Connections of a node to one server: how calls end, and what feeds deliver.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use redis::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::proxy::{Flow, Proxy};
use super::server::Server;
use crate::cluster::redis::calls::{CallError, Calls, FeedEvent};
use crate::cluster::redis::connection::Request;
use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::link::Link;
use crate::cluster::redis::route::Connections;
use crate::cluster::redis::script;
use crate::cluster::redis::settings::{Redis, Timing};

/// The longest time that a test waits for something that must happen.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) fn fast() -> Timing {
    Timing {
        connect: Duration::from_millis(1_000),
        response: Duration::from_millis(1_000),
        queue: Duration::from_millis(1_000),
        identity: Duration::from_millis(50),
        probe: Duration::from_millis(400),
        backoff: (Duration::from_millis(10), Duration::from_millis(50)),
        changes: (Duration::from_millis(100), Duration::from_millis(500)),
        hello: Duration::from_millis(500),
        ..Timing::default()
    }
}

pub(super) fn unix(server: &Server) -> Redis {
    Redis::connect(format!("unix://{}", server.socket().display())).timing(fast())
}

pub(super) type Events = mpsc::UnboundedReceiver<FeedEvent>;

pub(super) fn start(redis: Redis) -> (Connections, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    let sink = Arc::new(move |event| {
        let _ended = sender.send(event);
    });
    (Connections::start(redis, sink).unwrap(), events)
}

pub(super) async fn connected(connections: &Connections) -> Arc<str> {
    until(|| connections.identity(Partition::META)).await
}

pub(super) async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "it does not happen");
        sleep(Duration::from_millis(5)).await;
    }
}

fn add(link: &Link, member: String, size: usize) -> impl Future<Output = (String, Result<Value, CallError>)> + use<> {
    let mut command = redis::cmd("EVAL");
    command
        .arg("return redis.call('SADD', KEYS[1], ARGV[1])")
        .arg(1)
        .arg("set")
        .arg(&member)
        .arg(vec![0; size]);
    let reply = link.send(Request::One(command), None);
    async move { (member, timeout(SOON, reply).await.expect("an end")) }
}

/// Checks the outcomes of calls against what Redis has. Returns how many were answered, not sent, and unknown.
fn check(server: &Server, outcomes: Vec<(String, Result<Value, CallError>)>) -> [usize; 3] {
    let members: HashSet<String> = redis::cmd("SMEMBERS").arg("set").query(&mut server.connect()).unwrap();
    let mut counts = [0; 3];
    for (member, outcome) in outcomes {
        match outcome {
            Ok(Value::Int(1)) => {
                counts[0] += 1;
                assert!(members.contains(&member), "{member} is lost");
            }
            Err(CallError::NotSent(_)) => {
                counts[1] += 1;
                assert!(!members.contains(&member), "{member} was sent");
            }
            Err(CallError::Unknown(_)) => counts[2] += 1,
            other => panic!("{member}: {other:?}"),
        }
    }
    counts
}

/// Runs `CLIENT KILL TYPE …` every 100 ms until it is told to stop.
fn killer(server: &Server, kind: &'static str, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let mut admin = server.connect();
    tokio::task::spawn_blocking(move || {
        let mut killed = 0;
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            killed += redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", kind, "SKIPME", "yes"])
                .query::<u64>(&mut admin)
                .unwrap();
        }
        killed
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn every_call_ends_with_a_right_outcome_while_connections_are_killed() {
    let server = Server::start();
    let (connections, _events) = start(unix(&server));
    connected(&connections).await;
    let link = connections.link(Partition::META);
    let stop = Arc::new(AtomicBool::new(false));
    let killer = killer(&server, "normal", Arc::clone(&stop));
    let end = Instant::now() + Duration::from_secs(3);
    let workers = (0..50).map(|worker| {
        let link = Arc::clone(&link);
        async move {
            let mut outcomes = Vec::new();
            let mut number = 0;
            while Instant::now() < end {
                number += 1;
                outcomes.push(add(&link, format!("{worker}-{number}"), 500).await);
            }
            outcomes
        }
    });
    let outcomes: Vec<_> = join_all(workers).await.into_iter().flatten().collect();
    stop.store(true, Ordering::Relaxed);
    let killed = killer.await.unwrap();
    let counts = check(&server, outcomes);
    assert!(
        killed >= 10 && counts[0] > 1_000 && counts[2] > 0,
        "{killed} {counts:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_call_is_unknown_only_if_all_of_it_was_written() {
    let server = Server::start();
    let proxy = Proxy::start(server.socket()).await;
    let (connections, _events) = start(Redis::connect(proxy.url()).timing(fast()));
    connected(&connections).await;
    let link = connections.link(Partition::META);
    proxy.set(Flow::RepliesStalled);
    let lost: Vec<_> = (0..9).map(|number| add(&link, format!("lost-{number}"), 1)).collect();
    let lost = join_all(lost).await;
    assert!(
        lost.iter()
            .all(|(_, outcome)| matches!(outcome, Err(CallError::Unknown(_))))
    );
    proxy.set(Flow::Open);
    proxy.cut();
    connected(&connections).await;

    // More than the buffers of the operating system take.
    proxy.set(Flow::Stalled);
    let calls: Vec<_> = (0..60)
        .map(|number| add(&link, number.to_string(), 1_000_000))
        .collect();
    let outcomes = join_all(calls).await;
    let written = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Err(CallError::Unknown(_))))
        .count();
    assert!(written < 30, "{written}");
    proxy.cut();
    proxy.set(Flow::Open);
    connected(&connections).await;
    let counts = check(&server, outcomes);
    assert_eq!(counts[0], 0);
    assert!(counts[1] > 30, "{counts:?}");
    assert!(matches!(add(&link, "x".into(), 1).await.1, Ok(Value::Int(1))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_stopped_server_is_noticed_and_used_again_when_it_goes_on() {
    let server = Server::start();
    let (connections, mut events) = start(unix(&server));
    let before = connected(&connections).await;
    let link = connections.link(Partition::META);
    let channel = Bytes::from_static(b"{dialogue}:c");
    connections.subscribe(Partition::META, channel.clone()).await.unwrap();
    server.signal("-STOP");
    let calls: Vec<_> = (0..100).map(|number| add(&link, number.to_string(), 1)).collect();
    let mut outcomes = join_all(calls).await;
    assert!(matches!(outcomes[0].1, Err(CallError::Unknown(_))), "{:?}", outcomes[0]);
    assert_eq!(connections.identity(Partition::META), None);
    // The operating system still accepts the connection, so only the time limit shows that there is nobody.
    let later = add(&link, "later".into(), 1).await;
    assert!(matches!(later.1, Err(CallError::NotSent(_))), "{later:?}");
    outcomes.push(later);
    // Nothing has come on the feed, and the probe cannot be published: that proves nothing.
    server.signal("-CONT");
    assert_eq!(connected(&connections).await, before);
    check(&server, outcomes);
    until(|| publish(&server, &channel, "x").then_some(())).await;
    let mut got = false;
    while !got {
        got = matches!(next(&mut events).await, FeedEvent::Message { .. });
    }
}

pub(super) async fn next(events: &mut Events) -> FeedEvent {
    timeout(SOON, events.recv()).await.expect("an event").unwrap()
}

/// Whether somebody received it.
pub(super) fn publish(server: &Server, channel: &[u8], text: &str) -> bool {
    let received: u64 = redis::cmd("PUBLISH")
        .arg(channel)
        .arg(text)
        .query(&mut server.connect())
        .unwrap();
    received > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_call_for_another_server_identity_is_not_sent() {
    let mut server = Server::start();
    let (connections, _events) = start(unix(&server));
    let before = connected(&connections).await;
    let keys = Keys::new("dialogue", 0, 256).unwrap();
    let call = |identity: &str| {
        let args = ["PUBLISH", identity, "fresh", "1", "1", "256", &"0".repeat(64)];
        let args = args.map(|arg| Bytes::copy_from_slice(arg.as_bytes()));
        connections.call(Partition::META, &script::CONTACT, vec![keys.contact()], args.into())
    };
    // Redis does not know the script yet.
    assert!(matches!(call(&before).await, Ok(Value::Array(_))));
    assert!(matches!(call(&before).await, Ok(Value::Array(_))));
    server.restart();
    let after = until(|| {
        connections
            .identity(Partition::META)
            .filter(|identity| *identity != before)
    })
    .await;
    assert!(matches!(call(&before).await, Err(CallError::NotSent(_))));
    assert!(matches!(call(&after).await, Ok(Value::Array(_))));
    assert!(matches!(call("").await, Ok(Value::Array(_))));

    // A promotion changes the identity too, and the connection stays.
    let mut admin = server.connect();
    let _: () = redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(1)
        .query(&mut admin)
        .unwrap();
    assert!(matches!(call(&after).await, Ok(_) | Err(CallError::NotSent(_))));
    let _: () = redis::cmd("REPLICAOF").arg("NO").arg("ONE").query(&mut admin).unwrap();
    until(|| {
        connections
            .identity(Partition::META)
            .filter(|identity| *identity != after)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_wrong_password_is_told_and_tried_again() {
    let server = Server::with(&["--requirepass", "right"]);
    let url = format!("unix://{}", server.socket().display());
    let (connections, _events) = start(Redis::connect(&url).password("wrong").timing(fast()));
    let link = connections.link(Partition::META);
    let (_, outcome) = add(&link, "a".into(), 1).await;
    let Err(CallError::NotSent(reason)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("WRONGPASS") || reason.contains("assword"), "{reason}");
    let mut admin = server.client_with_password("right");
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "wrong"])
        .query(&mut admin)
        .unwrap();
    connected(&connections).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn every_message_after_a_confirmed_subscription_arrives_while_feeds_are_killed() {
    let server = Server::start();
    let (connections, mut events) = start(unix(&server));
    connected(&connections).await;
    let channels: Vec<Bytes> = (0..20).map(|n| format!("{{dialogue}}:c:{n}").into()).collect();
    for answer in join_all(
        channels
            .iter()
            .map(|c| connections.subscribe(Partition::META, c.clone())),
    )
    .await
    {
        answer.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let killer = killer(&server, "pubsub", Arc::clone(&stop));
    // The number of the message that is being published, on all channels.
    let begun = Arc::new(AtomicU64::new(0));
    let publisher = {
        let (begun, stop, channels, mut admin) = (begun.clone(), stop.clone(), channels.clone(), server.connect());
        tokio::task::spawn_blocking(move || {
            while !stop.load(Ordering::Relaxed) {
                let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                let mut pipe = redis::pipe();
                for channel in &channels {
                    pipe.cmd("PUBLISH").arg(&channel[..]).arg(number).ignore();
                }
                pipe.exec(&mut admin).unwrap();
            }
        })
    };
    // Per channel: the last number since the subscription, and the highest that may have been missed before.
    let mut last: HashMap<Bytes, (Option<u64>, u64)> = channels.iter().map(|c| (c.clone(), (None, 0))).collect();
    let mut is_lost: HashSet<Bytes> = HashSet::new();
    let mut again = 0;
    let end = Instant::now() + Duration::from_secs(3);
    let mut handle = |event: FeedEvent, begun: u64| match event {
        FeedEvent::Message { channel, payload } => {
            let number: u64 = std::str::from_utf8(&payload).unwrap().parse().unwrap();
            assert!(!is_lost.contains(&channel), "a message between loss and confirmation");
            let (last, missed) = last.get_mut(&channel).unwrap();
            match *last {
                Some(last) => assert_eq!(number, last + 1),
                // Read a little later than it was confirmed.
                None => assert!(number <= *missed + 1, "{number} {missed}"),
            }
            *last = Some(number);
        }
        FeedEvent::Lost { channel } => assert!(is_lost.insert(channel)),
        FeedEvent::Resubscribed { channel } => {
            again += 1;
            assert!(is_lost.remove(&channel));
            last.insert(channel, (None, begun));
        }
    };
    while Instant::now() < end {
        if let Ok(Some(event)) = timeout(Duration::from_millis(50), events.recv()).await {
            handle(event, begun.load(Ordering::SeqCst));
        }
    }
    stop.store(true, Ordering::Relaxed);
    let killed = killer.await.unwrap();
    publisher.await.unwrap();
    // After the last confirmation, a message arrives on each channel.
    until(|| {
        channels
            .iter()
            .all(|channel| publish(&server, channel, &(begun.load(Ordering::SeqCst) + 1).to_string()))
            .then_some(())
    })
    .await;
    assert!(killed >= 10 && again > 100, "{killed} {again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_feed_that_receives_nothing_is_replaced_and_an_idle_one_is_not() {
    let server = Server::start();
    let proxy = Proxy::start(server.socket()).await;
    let (connections, mut events) = start(Redis::connect(proxy.url()).timing(fast()));
    connected(&connections).await;
    let channel = Bytes::from_static(b"{dialogue}:c");
    connections.subscribe(Partition::META, channel.clone()).await.unwrap();
    sleep(fast().probe * 5).await;
    assert!(events.try_recv().is_err(), "an idle feed was replaced");
    proxy.set(Flow::FeedStalled);
    assert!(matches!(next(&mut events).await, FeedEvent::Lost { .. }));
    assert!(connections.identity(Partition::META).is_some(), "only the feed is dead");
    proxy.set(Flow::Open);
    assert!(matches!(next(&mut events).await, FeedEvent::Resubscribed { .. }));
    // The server forgets the subscription: as if the feed were on a server that receives no messages.
    let mut admin = server.connect();
    let _: () = redis::cmd("ACL")
        .arg(&["SETUSER", "default", "resetchannels", "&none"])
        .query(&mut admin)
        .unwrap();
    // Redis ends the connections that have lost the right. It may not subscribe again before it has the right again.
    assert!(matches!(next(&mut events).await, FeedEvent::Lost { .. }));
    let _: () = redis::cmd("ACL")
        .arg(&["SETUSER", "default", "allchannels"])
        .query(&mut admin)
        .unwrap();
    assert!(matches!(next(&mut events).await, FeedEvent::Resubscribed { .. }));
    assert!(publish(&server, &channel, "x"));
    assert!(matches!(next(&mut events).await, FeedEvent::Message { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn connects_with_tls_and_checks_the_certificate() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = Server::start();
    let folder = server.socket().parent().unwrap().to_owned();
    let certificate = pem("CERTIFICATE", key.cert.der());
    std::fs::write(folder.join("cert"), &certificate).unwrap();
    std::fs::write(folder.join("key"), pem("PRIVATE KEY", &key.signing_key.serialize_der())).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut admin = server.connect();
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("tls-cert-file")
        .arg(folder.join("cert").to_str().unwrap())
        .arg("tls-key-file")
        .arg(folder.join("key").to_str().unwrap())
        .arg(&["tls-auth-clients", "no", "tls-port"])
        .arg(port)
        .query(&mut admin)
        .unwrap();
    let url = format!("rediss://localhost:{port}");
    let (trusting, _events) = start(Redis::connect(&url).trust(certificate).timing(fast()));
    connected(&trusting).await;
    let (distrusting, _events) = start(Redis::connect(&url).timing(fast()));
    let (_, outcome) = add(&distrusting.link(Partition::META), "a".into(), 1).await;
    assert!(matches!(outcome, Err(CallError::NotSent(_))), "{outcome:?}");
    let link = trusting.link(Partition::META);
    assert!(matches!(add(&link, "b".into(), 1).await.1, Ok(Value::Int(1))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_database_and_a_user_of_redis_are_used() {
    let server = Server::start();
    let mut admin = server.connect();
    let _: () = redis::cmd("ACL")
        .arg(&[
            "SETUSER",
            "desk",
            "on",
            ">secret",
            "allkeys",
            "allchannels",
            "+@all",
            "-client",
        ])
        .query(&mut admin)
        .unwrap();
    let redis = unix(&server).user("desk", "secret").database(3);
    let (connections, _events) = start(redis);
    connected(&connections).await;
    let link = connections.link(Partition::META);
    add(&link, "a".into(), 1).await.1.unwrap();
    let _: () = redis::cmd("SELECT").arg(3).query(&mut admin).unwrap();
    let members: Vec<String> = redis::cmd("SMEMBERS").arg("set").query(&mut admin).unwrap();
    assert_eq!(members, ["a"]);
}

pub(super) fn pem(name: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", lines.join("\n"))
}
