//! The first contact: what a node does before it serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use tokio::time::sleep;

use super::parts::Parts;
use super::watch::{AllSeen, look_first};
use crate::cluster::redis::calls::CallError;
use crate::cluster::redis::error::RedisError;
use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::reply;
use crate::cluster::redis::script;
use crate::cluster::redis::shared::{FORMAT, NoAgreement, text};
use crate::cluster::{Beginning, Contact};
use crate::log::durable::{DurableLog, IndexedRoom, StoreFailure};

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Why an attempt has failed.
enum Trouble {
    /// It may succeed later.
    Passing(String),
    /// An operator must repair something.
    Lasting(RedisError),
}

impl From<StoreFailure> for Trouble {
    fn from(failure: StoreFailure) -> Self {
        Self::Passing(failure.to_string())
    }
}

/// Tries until a server is reached, and it and the data of other nodes are as this node needs them.
pub(super) async fn begin(parts: Arc<Parts>) -> Result<(Beginning, AllSeen), RedisError> {
    let mut pause = FIRST_PAUSE;
    let mut told = String::new();
    loop {
        match attempt(&parts).await {
            Ok((index, seen)) => {
                let run = parts.log.run();
                return Ok((Beginning { run, index }, seen));
            }
            Err(Trouble::Lasting(error)) => return Err(error),
            Err(Trouble::Passing(reason)) => {
                // The connections tell why there are none.
                if reason != told && parts.identity(Partition::META).is_some() {
                    tracing::warn!(reason, "Redis cannot be used yet");
                    told = reason;
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

async fn attempt(parts: &Parts) -> Result<(Vec<IndexedRoom>, AllSeen), Trouble> {
    let no_contact = || Trouble::Passing("no connection".to_owned());
    // In a cluster, all servers.
    let mut contact = parts.calls.contact();
    drop(contact.wait_for(|contact| *contact == Contact::Connected).await);
    for (_, server) in parts.connections.servers() {
        server.check(parts.allows_eviction).map_err(Trouble::Lasting)?;
    }
    agree(parts).await?;
    let keys = &parts.agreed()?.keys;
    parts.calls.agreed(keys);
    parts.router.set_keys(keys);
    // One partition of each server.
    let mut servers = HashMap::new();
    for partition in keys.partitions() {
        let server = parts.identity(partition).ok_or_else(no_contact)?;
        servers.entry(server).or_insert(partition);
    }
    for partition in servers.into_values() {
        check_publishing(parts, keys, partition).await?;
    }
    // What comes later is told, so the index lacks nothing.
    let channels = keys.partitions();
    let subscribed = channels.map(|partition| parts.calls.subscribe(partition, keys.partition_channel(partition)));
    for subscribed in join_all(subscribed).await {
        subscribed.map_err(|error| trouble(&error))?;
    }
    let indexes = keys.partitions().map(|partition| parts.shared().index(partition));
    let index = try_join_all(indexes).await?.into_iter().flatten().collect();
    Ok((index, look_first(parts, keys.partitions()).await))
}

/// Agrees with the other nodes on secret and partitions.
async fn agree(parts: &Parts) -> Result<(), Trouble> {
    match parts.log.contact().await {
        // Later than its agreement, this node goes on with what it has.
        Ok(()) | Err(NoAgreement::Other { is_apart: false }) => Ok(()),
        Err(NoAgreement::Other { is_apart: true }) => Err(Trouble::Passing("Redis has other partitions".to_owned())),
        Err(NoAgreement::Call(error)) => Err(trouble(&error)),
        Err(NoAgreement::Foreign(reason)) => Err(Trouble::Passing(reason)),
        Err(NoAgreement::Format { found }) => Err(Trouble::Lasting(RedisError::OtherFormat {
            prefix: parts.shared().settings.prefix.clone(),
            found,
            needed: FORMAT,
        })),
    }
}

/// Checks whether this node may publish on a server.
async fn check_publishing(parts: &Parts, keys: &Keys, partition: Partition) -> Result<(), Trouble> {
    let args = vec![
        text(parts.calls.publish_command()),
        Bytes::new(),
        Bytes::new(),
        keys.silent_channel(partition),
    ];
    let reply = parts
        .calls
        .call(partition, &script::MAY_PUBLISH, vec![keys.log(partition)], args)
        .await;
    let reply = reply.map_err(|error| trouble(&error))?;
    match reply::may_publish(&reply).map_err(|error| Trouble::Passing(error.to_string()))? {
        "" => Ok(()),
        reason => {
            let reason = reason.to_owned();
            Err(Trouble::Lasting(RedisError::NotPermitted { reason }))
        }
    }
}

fn trouble(error: &CallError) -> Trouble {
    let reason = error.text().to_owned();
    match error {
        CallError::Failed(_) if reason.contains("NOPERM") || reason.contains("ACL failure") => {
            Trouble::Lasting(RedisError::NotPermitted { reason })
        }
        _ => Trouble::Passing(reason),
    }
}
