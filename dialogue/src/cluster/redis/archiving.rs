//! Gives trimmed events to the application of one node at a time: one partition after another, under a lease.
//!
//! The node that has a lease renews it until it asks for more. If it dies, another one goes on ten seconds later, with the events
//! that were not removed: an event comes at least once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::keys::Partition;
use super::shared::{Shared, failed};
use super::trimmed::{Trimmed, TrimmedEvent};
use crate::log::LogBounds;
use crate::log::durable::{Expired, ExpiredEvent, Place, StoreFailure};

/// How long a lease lasts if its node does not renew it.
const LEASE: Duration = Duration::from_secs(10);

/// How often it is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(3);

/// How often it is renewed at most: the application has ten minutes for what it got.
const MOST_RENEWALS: usize = 200;

/// How much the application gets at once.
const AT_ONCE: LogBounds = LogBounds {
    events: 100,
    bytes: 1024 * 1024,
};

/// What this node works on.
#[derive(Default)]
pub(super) struct Archiving {
    /// Renews the lease.
    renewing: Mutex<Option<Renewal>>,
    /// The partition that comes next.
    next: AtomicUsize,
    /// Events that were dropped, and that nobody was told of yet.
    dropped: AtomicU64,
}

/// Ends when it is dropped.
struct Renewal(AbortHandle);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Archiving {
    /// The oldest trimmed events of one partition that has some, under its lease. Gives back the lease before.
    pub(super) async fn expired(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        bounds: LogBounds,
    ) -> Result<Expired, StoreFailure> {
        drop(self.renewing.lock().take());
        if !shared.settings.archives {
            return Ok(Expired::default());
        }
        let bounds = LogBounds {
            events: bounds.events.min(AT_ONCE.events),
            bytes: bounds.bytes.min(AT_ONCE.bytes),
        };
        let partitions: Vec<_> = shared.agreed()?.keys.partitions().collect();
        let first = self.next.load(Ordering::Relaxed) % partitions.len().max(1);
        let (mut failure, mut events) = (None, Vec::new());
        for place in (first..partitions.len()).chain(0..first) {
            let partition = partitions[place];
            match self.take(shared, partition, bounds).await {
                Ok(found) if found.is_empty() => {}
                Ok(found) => {
                    self.renew(shared, partition);
                    self.next.store(place + 1, Ordering::Relaxed);
                    events = found.into_iter().map(|event| expired_event(place, event)).collect();
                    break;
                }
                // Other partitions may be on another server.
                Err(error) => failure = Some(error),
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        match failure {
            Some(failure) if events.is_empty() && dropped == 0 => Err(failure),
            _ => Ok(Expired { events, dropped }),
        }
    }

    /// Takes the lease of a partition, and reads its oldest events. None if another node has it.
    async fn take(
        &self,
        shared: &Shared,
        partition: Partition,
        bounds: LogBounds,
    ) -> Result<Vec<TrimmedEvent>, StoreFailure> {
        match shared.trimmed(partition, LEASE, bounds).await? {
            Trimmed::Busy(_) => Ok(Vec::new()),
            Trimmed::Events {
                dropped,
                events,
                foreign,
            } => {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
                if !foreign.is_empty() {
                    tracing::error!(
                        entries = foreign.len(),
                        "trimmed entries in Redis cannot be read, and were removed"
                    );
                    shared.trimmed_done(partition, foreign).await?;
                }
                Ok(events)
            }
        }
    }

    /// Renews the lease from time to time.
    fn renew(self: &Arc<Self>, shared: &Arc<Shared>, partition: Partition) {
        let (archiving, of_task) = (Arc::downgrade(self), Arc::downgrade(shared));
        let renewing = tokio::spawn(async move {
            for _ in 0..MOST_RENEWALS {
                sleep(RENEWED_EVERY).await;
                let (Some(archiving), Some(shared)) = (archiving.upgrade(), of_task.upgrade()) else {
                    return;
                };
                let none = LogBounds { events: 1, bytes: 0 };
                match shared.trimmed(partition, LEASE, none).await {
                    Ok(Trimmed::Events { dropped, .. }) => {
                        archiving.dropped.fetch_add(dropped, Ordering::Relaxed);
                    }
                    // It was lost.
                    Ok(Trimmed::Busy(_)) => return,
                    Err(_) => {}
                }
            }
        });
        *self.renewing.lock() = Some(Renewal(renewing.abort_handle()));
    }
}

fn expired_event(partition: usize, TrimmedEvent { id, room, event }: TrimmedEvent) -> ExpiredEvent {
    let place = [format!("{partition} ").as_bytes(), &id].concat();
    ExpiredEvent {
        place: Place(place.into()),
        room,
        event,
    }
}

/// Removes events that the application has received.
pub(super) async fn remove(shared: &Shared, expired: Vec<ExpiredEvent>) -> Result<(), StoreFailure> {
    let mut by_partition: BTreeMap<usize, Vec<Bytes>> = BTreeMap::new();
    for ExpiredEvent { place, .. } in expired {
        let (partition, id) = read_place(&place.0).ok_or_else(|| failed("a place of another store".to_owned()))?;
        by_partition.entry(partition).or_default().push(id);
    }
    let partitions: Vec<_> = shared.agreed()?.keys.partitions().collect();
    for (place, ids) in by_partition {
        if let Some(partition) = partitions.get(place) {
            shared.trimmed_done(*partition, ids).await?;
        }
    }
    Ok(())
}

fn read_place(place: &Bytes) -> Option<(usize, Bytes)> {
    let end = place.iter().position(|&byte| byte == b' ')?;
    let partition = std::str::from_utf8(&place[..end]).ok()?.parse().ok()?;
    Some((partition, place.slice(end + 1..)))
}
