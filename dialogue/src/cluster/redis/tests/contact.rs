//! What connections say about the servers: whether they are reached, and whether they can be used.

use redis::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connections::{SOON, connected, start, unix, until};
use super::routes;
use super::server::Server;
use super::three_servers::Cluster;
use crate::cluster::Contact;
use crate::cluster::redis::calls::Calls;
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::script;

async fn until_contact(contact: &mut watch::Receiver<Contact>, is_wanted: impl Fn(&Contact) -> bool) -> Contact {
    let found = timeout(SOON, contact.wait_for(is_wanted)).await;
    found.expect("a change of the contact").unwrap().clone()
}

fn is_connected(contact: &Contact) -> bool {
    *contact == Contact::Connected
}

fn is_lost(contact: &Contact) -> bool {
    matches!(contact, Contact::Lost { .. })
}

fn run(server: &Server, words: &[&str]) -> Value {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut server.connect()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn contact_begins_is_lost_and_comes_back() {
    let mut server = Server::start();
    let (connections, _events) = start(unix(&server));
    let mut contact = connections.contact();
    until_contact(&mut contact, is_connected).await;
    assert!(connections.identity(Partition::META).is_some());
    server.stop();
    let lost = until_contact(&mut contact, is_lost).await;
    assert_eq!(connections.identity(Partition::META), None);
    // It counts from the beginning, however often an attempt fails.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(*contact.borrow(), lost);
    server.restart();
    until_contact(&mut contact, is_connected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn servers_say_what_they_are() {
    let server = Server::start();
    let (connections, _events) = start(unix(&server));
    connected(&connections).await;
    let servers = connections.servers();
    assert!(servers[0].1.check(false).is_ok());
    let version: Vec<_> = servers[0].1.version.split('.').collect();
    assert!(version.len() >= 2, "{version:?}");
    // It has all scripts, so that no first call overtakes another one.
    let scripts = script::ALL.map(|script| script.sha1());
    let known = run(&server, &[&["SCRIPT", "EXISTS"], &scripts[..]].concat());
    assert_eq!(known, Value::Array(vec![Value::Int(1); scripts.len()]));
    run(&server, &["CONFIG", "SET", "maxmemory", "100mb"]);
    run(&server, &["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    let (connections, _events) = start(unix(&server));
    connected(&connections).await;
    let unfit = connections.servers()[0].1.check(false).unwrap_err().to_string();
    assert!(
        unfit.contains("volatile-lru") && unfit.contains("noeviction"),
        "{unfit}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_server_that_becomes_a_replica_is_not_used_until_it_is_a_primary_again() {
    let server = Server::start();
    let (connections, _events) = start(unix(&server));
    let mut contact = connections.contact();
    until_contact(&mut contact, is_connected).await;
    let before = connections.identity(Partition::META);
    run(&server, &["REPLICAOF", "127.0.0.1", "1"]);
    until_contact(&mut contact, is_lost).await;
    assert_eq!(connections.identity(Partition::META), None);
    run(&server, &["REPLICAOF", "NO", "ONE"]);
    until_contact(&mut contact, is_connected).await;
    assert_ne!(connections.identity(Partition::META), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn in_a_cluster_one_lost_primary_is_a_lost_contact() {
    let cluster = Cluster::start();
    let (connections, _events, keys) = routes::node(&cluster).await;
    let mut contact = connections.contact();
    until_contact(&mut contact, is_connected).await;
    assert_eq!(connections.servers().len(), 3);
    let partition = keys.partitions().next().unwrap();
    let other = keys.partitions().last().unwrap();
    let owner = cluster.owner(keys.slot(partition));
    assert_ne!(cluster.owner(keys.slot(other)), owner);
    cluster.servers[owner].1.signal("-STOP");
    until_contact(&mut contact, is_lost).await;
    assert_eq!(connections.identity(partition), None);
    assert!(connections.identity(other).is_some());
    cluster.servers[owner].1.signal("-CONT");
    until_contact(&mut contact, is_connected).await;
    until(|| connections.identity(partition)).await;
}
