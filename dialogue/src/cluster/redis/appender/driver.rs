//! Sends the changes of one room, one after another, until none waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::Sending;
use super::queue::{Job, Next};
use super::queues::Queues;
use crate::cluster::Published;
use crate::cluster::redis::calls::CallError;
use crate::cluster::redis::reply::{self, AppendReply};
use crate::cluster::redis::script;
use crate::cluster::redis::shared::{bad_reply, call_failure, failed};
use crate::id::RoomId;
use crate::log::durable::{Appended, StoreFailure, Ticket};

/// The pauses while Redis takes nothing, though it can be reached.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// How often events that were withdrawn are removed while Redis cannot be reached.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a batch with volatile events waits for the feed after its answer.
const FEED_DELAY: Duration = Duration::from_millis(100);

/// How long a batch without an answer is repeated. Its events have been unknown since their deadline.
const REPEAT_FOR: Duration = Duration::from_secs(10 * 60);

/// How many batches with an unknown outcome are remembered.
const MOST_UNKNOWN: usize = 1_000;

/// Runs as long as the room has anything on its way.
pub(super) async fn drive(queues: Arc<Queues>, room: RoomId) {
    let mut pause = Pause::default();
    loop {
        let next = {
            let mut rooms = queues.rooms.lock();
            let next = rooms.get_mut(&*room).map_or(Next::Nothing, |room| room.queue.next());
            if matches!(next, Next::Nothing) {
                rooms.remove(&*room);
            }
            next
        };
        match next {
            Next::Nothing => break,
            Next::Barrier(change) => change(Ok(())).await,
            Next::Batch(jobs) => {
                let bytes: usize = jobs.iter().map(Job::bytes).sum();
                match queues.send(&room, jobs).await {
                    None => {
                        queues.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                        pause = Pause::default();
                    }
                    Some(NotSent { jobs, failure }) => {
                        // Some may have ended.
                        let left: usize = jobs.iter().map(Job::bytes).sum();
                        queues.waiting_bytes.fetch_sub(bytes - left, Ordering::Relaxed);
                        queues.put_back(&room, jobs, &failure);
                        match queues.partition(&room) {
                            Some(partition) if queues.is_lost(partition) => {
                                queues.until_contact(partition, Instant::now() + SWEEP).await;
                            }
                            _ => pause.wait(&queues).await,
                        }
                    }
                }
            }
        }
    }
    queues.changed.notify_waiters();
}

/// The events of a batch that was not sent, and that still wait.
struct NotSent {
    jobs: Vec<Job>,
    failure: StoreFailure,
}

impl Queues {
    /// Sends a batch until its outcome is known. Returns events that were not sent.
    async fn send(&self, room: &RoomId, jobs: Vec<Job>) -> Option<NotSent> {
        let shared = &self.shared;
        let contact = shared.agreed().and_then(|agreed| {
            let server = shared.identity(agreed.keys.partition(room))?;
            Ok((agreed, server))
        });
        let (agreed, mut server) = match contact {
            Ok(contact) => contact,
            Err(failure) => return Some(NotSent { jobs, failure }),
        };
        let sending = Sending::begin(self, agreed, room, &server, jobs)?;
        let began = Instant::now();
        let (mut is_repetition, mut pause) = (false, Pause::default());
        loop {
            let (keys, args) = sending.arguments(&server, is_repetition);
            let call = shared.calls.call(sending.partition, &script::APPEND, keys, args);
            let (sender, of_feed) = oneshot::channel();
            if let Some(room) = self.rooms.lock().get_mut(&**room) {
                room.in_flight = Some((sending.counter, sender));
            }
            let reply = match select(call, of_feed).await {
                Either::Left((Ok(reply), of_feed)) => {
                    let reply = reply::append(&reply).map_err(|error| Trouble::Unknown(bad_reply(&error)));
                    // The next event of a sender must not overtake what only the feed brings.
                    if sending.is_fed() && matches!(reply, Ok(AppendReply::Stored { .. })) {
                        let _late_or_lost = tokio::time::timeout(FEED_DELAY, of_feed).await;
                    }
                    reply
                }
                Either::Left((Err(error), mut of_feed)) => of_feed.try_recv().map_err(|_| Trouble::of(&error)),
                Either::Right((Ok(settled), _)) => Ok(settled),
                // Nobody else drops the sender while this waits.
                Either::Right((Err(_), call)) => match call.await {
                    Ok(reply) => reply::append(&reply).map_err(|error| Trouble::Unknown(bad_reply(&error))),
                    Err(error) => Err(Trouble::of(&error)),
                },
            };
            let failure = match reply {
                Ok(reply) => {
                    self.take_reply(room, sending, reply, &server);
                    return None;
                }
                Err(trouble) if !is_repetition => match trouble {
                    Trouble::NotSent(failure) => return self.not_sent(sending, failure),
                    Trouble::Refused(failure) => {
                        self.set_failing(Some(&failure));
                        self.end_refused(sending, &failure);
                        return None;
                    }
                    Trouble::Unknown(failure) => failure,
                },
                // An earlier attempt may have been stored, whatever this one says.
                Err(Trouble::NotSent(failure) | Trouble::Refused(failure) | Trouble::Unknown(failure)) => failure,
            };
            self.set_failing(Some(&failure));
            if began.elapsed() >= REPEAT_FOR || self.is_closed() {
                self.end_unknown(sending, &failure);
                return None;
            }
            pause.wait(self).await;
            is_repetition = true;
            while let Err(failure) = shared.identity(sending.partition).map(|now| server = now) {
                if began.elapsed() >= REPEAT_FOR || self.is_closed() {
                    self.end_unknown(sending, &failure);
                    return None;
                }
                self.until_contact(sending.partition, began + REPEAT_FOR).await;
            }
        }
    }

    fn take_reply(&self, room: &RoomId, sending: Sending, reply: AppendReply, server: &Arc<str>) {
        if let Some(room) = self.rooms.lock().get_mut(&**room) {
            room.in_flight = None;
        }
        match reply {
            AppendReply::Stored { epoch, seq, answers } => {
                self.shared.note(room, &epoch, seq);
                if sending.renews {
                    self.shared
                        .note_renewal(room, Arc::clone(server), std::time::Instant::now());
                }
                let settled = sending.settle(&epoch, &answers);
                self.set_failing(settled.err().as_ref());
            }
            AppendReply::Gone => {
                self.set_failing(None);
                sending.end(|| Appended::NoSuchRoom, || Published::NoSuchRoom);
            }
            AppendReply::Unknown => {
                self.set_failing(None);
                let failure = failed("Redis may have lost the event".to_owned());
                self.end_unknown(sending, &failure);
            }
            AppendReply::Old => {
                let failure = failed("Redis has a later batch of this node".to_owned());
                self.end_unknown(sending, &failure);
            }
        }
    }

    /// Takes the events back that can still wait.
    fn not_sent(&self, sending: Sending, failure: StoreFailure) -> Option<NotSent> {
        let mut jobs = Vec::with_capacity(sending.jobs.len());
        for job in sending.jobs {
            // Its deadline has passed meanwhile.
            match job.ticket().is_none_or(Ticket::wait_again) {
                true => jobs.push(job),
                false => self.refuse(job, &failure),
            }
        }
        (!jobs.is_empty()).then_some(NotSent { jobs, failure })
    }

    /// Puts events back that were not sent. Volatile ones do not wait for Redis.
    fn put_back(&self, room: &RoomId, jobs: Vec<Job>, failure: &StoreFailure) {
        self.set_failing(Some(failure));
        let is_closed = self.is_closed();
        let (ended, bytes) = {
            let mut rooms = self.rooms.lock();
            let Some(room) = rooms.get_mut(&**room) else { return };
            room.queue.put_back(jobs);
            let ended = room
                .queue
                .extract(|job| is_closed || job.is_withdrawn() || matches!(job, Job::Volatile(_)));
            let bytes: usize = ended.iter().map(Job::bytes).sum();
            (ended, bytes)
        };
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for job in ended {
            self.refuse(job, if is_closed { &StoreFailure::Closed } else { failure });
        }
    }

    fn end_refused(&self, sending: Sending, failure: &StoreFailure) {
        for job in sending.jobs {
            self.refuse(job, failure);
        }
    }

    fn end_unknown(&self, sending: Sending, failure: &StoreFailure) {
        let appends = sending.jobs.iter().filter(|job| matches!(job, Job::Append(_))).count();
        self.status.unknown.fetch_add(appends as u64, Ordering::Relaxed);
        let mut batches = self.status.unknown_batches.lock();
        if batches.len() >= MOST_UNKNOWN {
            batches.pop_front();
        }
        batches.push_back(sending.counter);
        drop(batches);
        sending.end(
            || Appended::Unknown(failure.clone()),
            || Published::Unknown(failure.clone()),
        );
    }
}

/// Why a batch has no answer.
enum Trouble {
    /// It was not sent, or may be sent again as if it had not been.
    NotSent(StoreFailure),
    /// Nothing was stored.
    Refused(StoreFailure),
    /// It may be stored.
    Unknown(StoreFailure),
}

impl Trouble {
    fn of(error: &CallError) -> Self {
        let failure = call_failure(error);
        match error {
            CallError::NotSent(_) => Self::NotSent(failure),
            // A slot moves: that ends by itself.
            CallError::Refused(reason) if reason.starts_with("TRYAGAIN") => Self::NotSent(failure),
            CallError::Refused(_) => Self::Refused(failure),
            CallError::Unknown(_) => Self::Unknown(failure),
            // The script checks everything before it writes.
            CallError::Failed(reason) if is_before_writing(reason) => Self::Refused(failure),
            // Without the right to publish, the events are stored.
            CallError::Failed(_) => Self::Unknown(failure),
        }
    }
}

fn is_before_writing(reason: &str) -> bool {
    ["FOREIGN", "WRONGTYPE", "NOPERM"]
        .iter()
        .any(|word| reason.contains(word))
}

/// Pauses that become longer.
#[derive(Default)]
struct Pause(Option<Duration>);

impl Pause {
    /// Ends early when the log is closed.
    async fn wait(&mut self, queues: &Queues) {
        let pause = self.0.map_or(FIRST_PAUSE, |last| (last * 2).min(LAST_PAUSE));
        self.0 = Some(pause);
        queues.rest(Instant::now() + pause, std::future::pending()).await;
    }
}
