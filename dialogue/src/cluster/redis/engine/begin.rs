//! The first contact: what a node does before it serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use tokio::time::sleep;

use super::parts::Parts;
use super::watch::{AllSeen, look_first};
use crate::cluster::Beginning;
use crate::cluster::redis::calls::CallError;
use crate::cluster::redis::error::RedisError;
use crate::cluster::redis::keys::{Partition, contact_key};
use crate::cluster::redis::reply::{self, Fitness};
use crate::cluster::redis::script;
use crate::cluster::redis::shared::{FORMAT, NoAgreement, text};
use crate::log::durable::{DurableLog, IndexedRoom, StoreFailure};

/// The oldest version of Redis whose scripts may publish to shards.
const OLDEST_VERSION: u32 = 7;

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
    parts.identity(Partition::META).ok_or_else(no_contact)?;
    check_fitness(parts, Partition::META, None).await?;
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
        check_fitness(parts, partition, Some(keys.silent_channel(partition))).await?;
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

/// Checks a server: its version, what it does when its memory is full, and whether this node may publish there.
async fn check_fitness(parts: &Parts, partition: Partition, channel: Option<Bytes>) -> Result<(), Trouble> {
    let args = vec![
        text(parts.calls.publish_command()),
        Bytes::new(),
        Bytes::new(),
        channel.unwrap_or_default(),
    ];
    let keys = match partition {
        Partition::META => vec![contact_key(&parts.shared().settings.prefix)],
        partition => vec![parts.agreed()?.keys.log(partition)],
    };
    let reply = parts.calls.call(partition, &script::FITNESS, keys, args).await;
    let reply = reply.map_err(|error| trouble(&error))?;
    let fitness = reply::fitness(&reply).map_err(|error| Trouble::Passing(error.to_string()))?;
    judge(fitness, parts.allows_eviction).map_err(Trouble::Lasting)
}

fn judge(fitness: Fitness, allows_eviction: bool) -> Result<(), RedisError> {
    let Fitness {
        version,
        policy,
        publishing,
    } = fitness;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST_VERSION) {
        return Err(RedisError::TooOld { version });
    }
    if !allows_eviction && !policy.is_empty() && policy != "noeviction" {
        return Err(RedisError::MayEvict { policy });
    }
    if !publishing.is_empty() {
        return Err(RedisError::NotPermitted { reason: publishing });
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fitness(version: &str, policy: &str, publishing: &str) -> Fitness {
        Fitness {
            version: version.to_owned(),
            policy: policy.to_owned(),
            publishing: publishing.to_owned(),
        }
    }

    #[test]
    fn an_unfit_redis_is_refused_with_a_remedy() {
        let text = |fitness, allows| judge(fitness, allows).unwrap_err().to_string();
        assert!(judge(fitness("7.0.15", "noeviction", ""), false).is_ok());
        assert!(judge(fitness("8.2.1", "allkeys-lru", ""), true).is_ok());
        assert!(text(fitness("6.2.7", "noeviction", ""), true).contains("version 7"));
        assert!(text(fitness("7.0.15", "volatile-lru", ""), false).contains("`noeviction`"));
        let refused = fitness("7.0.15", "noeviction", "NOPERM this user has no permissions");
        assert!(text(refused, false).contains("NOPERM"));
    }
}
