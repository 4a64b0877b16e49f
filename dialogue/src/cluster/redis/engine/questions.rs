//! Questions for the positions of rooms: those that wait at the same time are put together, one call per partition.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::followed::Followed;
use crate::cluster::Position;
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::reply::RoomPosition;
use crate::cluster::redis::shared::{Shared, failed, incarnation};
use crate::id::RoomId;
use crate::log::durable::{Answer, RoomKey, StoreFailure};

/// The most rooms of one call.
const MOST_ROOMS: usize = 500;

type Asker = oneshot::Sender<Result<Position, StoreFailure>>;

pub(super) struct Questions {
    shared: Arc<Shared>,
    followed: Arc<Followed>,
    runtime: Handle,
    /// What waits. A partition is here while its questions are asked.
    waiting: Mutex<HashMap<Partition, HashMap<RoomId, Vec<Asker>>>>,
}

impl Questions {
    pub(super) fn new(shared: Arc<Shared>, followed: Arc<Followed>, runtime: Handle) -> Self {
        Self {
            shared,
            followed,
            runtime,
            waiting: Mutex::default(),
        }
    }

    /// Asks for the position of a room, now or later than now.
    pub(super) fn ask(self: &Arc<Self>, room: RoomId) -> Answer<Position> {
        let partition = match self.shared.agreed() {
            Ok(agreed) => agreed.keys.partition(&room),
            Err(failure) => return async { Err(failure) }.boxed(),
        };
        let (asker, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock();
            let is_first = !waiting.contains_key(&partition);
            let of_partition = waiting.entry(partition).or_default();
            of_partition.entry(room).or_default().push(asker);
            is_first
        };
        if is_first {
            self.runtime.spawn(Arc::clone(self).ask_all(partition));
        }
        async move { answer.await.unwrap_or(Err(StoreFailure::Closed)) }.boxed()
    }

    /// Asks what waits in a partition, until nothing waits.
    async fn ask_all(self: Arc<Self>, partition: Partition) {
        loop {
            let asked: Vec<_> = {
                let mut waiting = self.waiting.lock();
                let Some(of_partition) = waiting.get_mut(&partition).filter(|rooms| !rooms.is_empty()) else {
                    waiting.remove(&partition);
                    return;
                };
                let rooms: Vec<_> = of_partition.keys().take(MOST_ROOMS).cloned().collect();
                rooms
                    .into_iter()
                    .filter_map(|room| of_partition.remove_entry(&room))
                    .collect()
            };
            let rooms: Vec<_> = asked.iter().map(|(room, _)| room.clone()).collect();
            let answers = self.positions(partition, &rooms).await;
            for (index, (_, askers)) in asked.into_iter().enumerate() {
                for asker in askers {
                    let answer = match &answers {
                        Ok(answers) => answers[index].clone(),
                        Err(failure) => Err(failure.clone()),
                    };
                    let _nobody_waits = asker.send(answer);
                }
            }
        }
    }

    /// The positions of rooms of one partition, in their order.
    async fn positions(
        &self,
        partition: Partition,
        rooms: &[RoomId],
    ) -> Result<Vec<Result<Position, StoreFailure>>, StoreFailure> {
        let keys: Vec<_> = rooms
            .iter()
            .map(|room| RoomKey {
                id: room.clone(),
                epoch: self.shared.epoch(room).unwrap_or_default(),
            })
            .collect();
        let mut found = self.read(partition, &keys).await?;
        // Another incarnation than the one that this node knows.
        let again: Vec<_> = (0..keys.len())
            .filter(|&index| found[index] == RoomPosition::Gone && !keys[index].epoch.is_empty())
            .collect();
        if !again.is_empty() {
            let any = |&index: &usize| RoomKey {
                id: rooms[index].clone(),
                epoch: "".into(),
            };
            let keys: Vec<_> = again.iter().map(any).collect();
            let answers = self.read(partition, &keys).await?;
            for (index, answer) in again.into_iter().zip(answers) {
                found[index] = answer;
            }
        }
        let answer = |(room, found): (&RoomId, RoomPosition)| match found {
            RoomPosition::Room {
                epoch, seq, erasures, ..
            } => Ok(Position {
                incarnation: incarnation(&epoch),
                epoch,
                seq,
                erasures,
            }),
            RoomPosition::Foreign => Err(failed(format!("the data of room {room} is not ours"))),
            RoomPosition::Gone => Err(failed(format!("room {room} has no position"))),
        };
        Ok(rooms.iter().zip(found).map(answer).collect())
    }

    async fn read(&self, partition: Partition, rooms: &[RoomKey]) -> Result<Vec<RoomPosition>, StoreFailure> {
        let keys = &self.shared.agreed()?.keys;
        let reply = self.shared.positions(partition, rooms, true).await?;
        for room in rooms {
            self.followed.note_heard(&keys.channel(&room.id), reply.position);
        }
        Ok(reply.rooms)
    }
}
