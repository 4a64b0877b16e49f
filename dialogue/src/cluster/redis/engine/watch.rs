//! Reads the change logs: finds what the feed has lost.
//!
//! Partitions with rooms that are followed are read each second, all others each ten seconds. Without contact, this pauses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::parts::Parts;
use crate::cluster::redis::change_position::ChangePosition;
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::reply::ChangesReply;
use crate::id::RoomId;
use crate::log::durable::RoomKey;

/// How often the lifetime of a room's data is extended while it is followed.
const KEEP_EVERY: Duration = Duration::from_secs(55 * 60);

/// The most rooms whose lifetime is extended at once.
const MOST_KEPT: usize = 1_000;

/// What is known of a partition.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Up to where its change log was read. `None` before the first time.
    position: Option<ChangePosition>,
    /// The server that had it.
    server: Option<Arc<str>>,
    /// Its rooms must be read again.
    is_outdated: bool,
}

pub(super) type AllSeen = HashMap<Partition, Seen>;

/// A room that has changed, and the position of that.
type Changed = (RoomId, ChangePosition);

/// Where the change logs of all partitions end now. Call it at the first contact, before a room is followed.
pub(super) async fn look_first(parts: &Parts, partitions: impl Iterator<Item = Partition>) -> AllSeen {
    let mut seen = HashMap::new();
    look_at_all(parts, &mut seen, partitions.collect()).await;
    seen
}

/// Runs until it is aborted. Call it after the first contact.
pub(super) async fn watch(parts: Arc<Parts>, mut seen: AllSeen) {
    let Ok(agreed) = parts.agreed() else {
        return;
    };
    let (often, seldom) = parts.timing.changes;
    let mut ticks = interval_at(Instant::now() + often, often);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut all_read = Instant::now();
    let mut is_first = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = parts.router.changed.notified() => {}
        }
        for partition in parts.router.take_outdated() {
            seen.entry(partition).or_default().is_outdated = true;
        }
        if std::mem::take(&mut is_first) {
            // What was told before the runtime had the index may have been ignored.
            for (partition, seen) in &mut seen {
                seen.is_outdated |= parts.router.told(*partition) > 0;
            }
        }
        subscribe_again(&parts);
        let in_use = parts.followed.partitions();
        let is_due = |(partition, seen): &(&Partition, &Seen)| in_use.contains_key(partition) || seen.is_outdated;
        let due = match all_read.elapsed() >= seldom {
            true => {
                all_read = Instant::now();
                parts.shared().forget_others(&parts.followed.ids());
                keep_rooms(&parts).await;
                agreed.keys.partitions().collect()
            }
            false => seen.iter().filter(is_due).map(|(partition, _)| *partition).collect(),
        };
        look_at_all(&parts, &mut seen, due).await;
    }
}

/// Extends the lifetime of rooms that are followed.
async fn keep_rooms(parts: &Parts) {
    let rooms = parts
        .followed
        .take_unkept(Instant::now().checked_sub(KEEP_EVERY), MOST_KEPT);
    let keys = rooms.into_iter().filter_map(|id| {
        let epoch = parts.shared().epoch(&id)?;
        Some(RoomKey { id, epoch })
    });
    for kept in join_all(keys.map(|room| parts.shared().keep(room))).await {
        if let Err(failure) = kept {
            // There are days left.
            tracing::debug!(%failure, "the lifetime of a room was not extended");
        }
    }
}

/// Reads the change logs of these partitions, and tells the runtime what it may have missed.
async fn look_at_all(parts: &Parts, seen: &mut AllSeen, due: Vec<Partition>) {
    let looks = due.into_iter().map(|partition| {
        let before = seen.get(&partition).cloned().unwrap_or_default();
        async move {
            let (now, changed) = look(parts, partition, before).await;
            (partition, now, changed)
        }
    });
    let mut late: Vec<Changed> = Vec::new();
    for (partition, now, changed) in join_all(looks).await {
        seen.insert(partition, now);
        late.extend(changed);
    }
    if late.is_empty() {
        return;
    }
    // The feed is another connection: it may bring the last changes a little later.
    sleep(parts.timing.late).await;
    let Ok(agreed) = parts.agreed() else {
        return;
    };
    for (room, position) in late {
        if parts.followed.is_behind(&agreed.keys.channel(&room), position) {
            tracing::debug!(%room, "the feed has lost a change");
            parts.router.check(&room);
        }
    }
}

/// Reads the change log of a partition. Returns what is known of it now, and the followed rooms that have changed and not
/// heard of it.
async fn look(parts: &Parts, partition: Partition, mut seen: Seen) -> (Seen, Vec<Changed>) {
    let (Some(server), Ok(agreed)) = (parts.identity(partition), parts.agreed()) else {
        return (seen, Vec::new());
    };
    let mut late = Vec::new();
    let is_other = seen.server.as_ref().is_some_and(|before| *before != server);
    match parts.shared().changes(partition, seen.position).await {
        Ok(ChangesReply::Changes { position, rooms }) => {
            seen.position = Some(position);
            let is_behind =
                |(room, position): &Changed| parts.followed.is_behind(&agreed.keys.channel(room), *position);
            late.extend(rooms.into_iter().filter(is_behind));
            if is_other {
                check_all(parts, partition);
            }
        }
        Ok(ChangesReply::Old { position }) => {
            seen.position = Some(position);
            seen.is_outdated = true;
            parts.emptied.notify_one();
            check_all(parts, partition);
        }
        // The next time tells.
        Err(_) => return (seen, late),
    }
    // Another server may have lost something, or have another epoch for each room.
    seen.is_outdated |= is_other;
    seen.server = Some(server);
    if seen.is_outdated {
        let told = parts.router.told(partition);
        if let Ok(index) = parts.shared().index(partition).await {
            seen.is_outdated = !parts.router.tell_index(&agreed.keys, partition, told, index);
        }
    }
    (seen, late)
}

fn check_all(parts: &Parts, partition: Partition) {
    for room in parts.followed.of(partition) {
        parts.router.check(&room);
    }
}

/// Subscribes the rooms whose first subscription has failed, while they are followed.
fn subscribe_again(parts: &Arc<Parts>) {
    // Each attempt has ended by then.
    let longest = parts.timing.queue + parts.timing.response + parts.timing.changes.0;
    for (room, subscribed) in parts.followed.subscribe_again(longest, |room| parts.subscribe(room)) {
        let parts = Arc::clone(parts);
        // Redis may take its time, and the change logs must not wait for that.
        tokio::spawn(async move {
            if subscribed.await.is_ok() {
                parts.followed.set_subscribed(&room.channel);
                parts.router.check(&room.id);
            }
        });
    }
}
