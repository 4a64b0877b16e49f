//! Says hello to the other nodes, and agrees with them again: Redis may have lost everything.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use super::parts::Parts;
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::reply;
use crate::cluster::redis::script;
use crate::cluster::redis::shared::{NoAgreement, bad_reply, call_failure, text};
use crate::log::durable::StoreFailure;

/// What was logged already.
#[derive(Default)]
struct Told {
    contracts: HashSet<String>,
    /// Why the nodes do not agree.
    disagreement: String,
}

/// Runs until it is aborted. Call it after the first contact.
pub(super) async fn hello(parts: Arc<Parts>) {
    let mut told = Told::default();
    let mut ticks = interval(parts.timing.hello);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut server = None;
    let mut often = interval(parts.timing.changes.0);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = another(&parts, &mut often, server.as_ref()) => {}
            () = parts.emptied.notified() => {}
        }
        let now = parts.identity(Partition::META);
        if now.is_none() {
            continue;
        }
        if agree_again(&parts, &mut told).await && say_hello(&parts, &mut told).await.is_ok() {
            server = now;
        }
    }
}

/// Waits until the server is another one than this.
async fn another(parts: &Parts, often: &mut tokio::time::Interval, server: Option<&Arc<str>>) {
    loop {
        often.tick().await;
        let now = parts.identity(Partition::META);
        if now.is_some() && now.as_ref() != server {
            return;
        }
    }
}

/// Gives an empty Redis the secret of the nodes again. Returns whether Redis has answered.
///
/// If a node that starts at the same moment is faster, Redis has another secret from then on. This node then goes on with its
/// own: rooms that have been used keep their epochs, because Redis has them. In a room that is new there, the nodes take each
/// other's incarnations over, and connections that were lost before are not continued on the node with the other secret.
async fn agree_again(parts: &Parts, told: &mut Told) -> bool {
    let (has_answered, disagreement) = match parts.log.contact().await {
        Ok(()) => {
            told.disagreement.clear();
            return true;
        }
        Err(NoAgreement::Call(_)) => return false,
        Err(NoAgreement::Other { is_apart: false }) => (
            true,
            "Redis lost its data, and another node has written another secret: restart this node when that suits you".to_owned(),
        ),
        Err(NoAgreement::Other { is_apart: true }) => (
            true,
            "Redis lost its data, and another node has divided the rooms into another number of partitions: restart this \
             node; until then, it stores nothing"
                .to_owned(),
        ),
        Err(NoAgreement::Foreign(reason)) => (false, format!("what the nodes have agreed on cannot be read: {reason}")),
        Err(NoAgreement::Format { found }) => (false, format!("the data in Redis has format {found} now")),
    };
    if told.disagreement != disagreement {
        tracing::error!("{disagreement}");
        told.disagreement = disagreement;
    }
    has_answered
}

/// Says hello, and logs each other contract once.
async fn say_hello(parts: &Parts, told: &mut Told) -> Result<(), StoreFailure> {
    let keys = vec![parts.agreed()?.keys.nodes()];
    let forgotten = parts.timing.hello * 3;
    let mut args = vec![Bytes::new(); 3];
    args.extend([
        text(&parts.shared().node),
        text(&parts.fingerprint),
        text(forgotten.as_millis().to_string()),
    ]);
    let reply = parts.calls.call(Partition::META, &script::HELLO, keys, args).await;
    let reply = reply.map_err(|error| call_failure(&error))?;
    for contract in reply::hello(&reply).map_err(|error| bad_reply(&error))? {
        if contract != parts.fingerprint && told.contracts.insert(contract.clone()) {
            tracing::warn!(
                contract,
                own = parts.fingerprint,
                "another node has another contract: events that only one of them knows reach all members, but are checked on \
                 the node that knows them"
            );
        }
    }
    Ok(())
}
