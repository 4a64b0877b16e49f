//! One batch: its keys and arguments for `append.lua`, and the outcome of each event.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::queue::Job;
use super::queues::Queues;
use crate::cluster::Published;
use crate::cluster::redis::answers::EventAnswer;
use crate::cluster::redis::keys::{Partition, key_field};
use crate::cluster::redis::shared::{Agreed, failed, text};
use crate::id::{EventName, RoomId};
use crate::log::durable::{AppendKey, Appended, StoreFailure, Ticket};
use crate::random::random_name;

/// Where the words are among the arguments, and the server's identity.
const SERVER: usize = 1;
const WORDS: usize = 10;

/// A batch that has begun.
pub(super) struct Sending {
    pub(super) partition: Partition,
    pub(super) counter: u64,
    pub(super) jobs: Vec<Job>,
    keys: Vec<Bytes>,
    args: Vec<Bytes>,
    words: Vec<&'static str>,
    /// The server on which the batch extends the lifetime of the room's keys.
    pub(super) renews: bool,
}

impl Sending {
    /// Begins a batch of a room. Events that were withdrawn are left out; none may be left.
    pub(super) fn begin(queues: &Queues, agreed: &Agreed, room: &RoomId, server: &str, jobs: Vec<Job>) -> Option<Self> {
        let mut begun = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job.ticket().is_none_or(Ticket::begin) {
                true => begun.push(job),
                false => queues.refuse(job, &withdrawn()),
            }
        }
        let epoch = match begun.first()? {
            Job::Append(append) => &append.room.epoch,
            Job::Volatile(volatile) => &volatile.room.epoch,
            Job::Barrier(_) => return None,
        };
        let shared = &queues.shared;
        let (known, seen) = shared.known(room, epoch);
        let counter = 1 + queues.last_counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let renews = shared.needs_renewal(room, server, Instant::now());
        let types = Types::of(&begun, renews.then(|| shared.types(room)).into_iter().flatten());
        let keys = &agreed.keys;
        let mut words = Vec::new();
        words.extend(renews.then_some("renew"));
        words.extend(shared.settings.archives.then_some("archive"));

        let partition = keys.partition(room);
        let mut names = vec![keys.meta(room), keys.log(partition)];
        names.extend(types.histories.iter().map(|(event, _)| keys.events(room, event)));
        if begun
            .iter()
            .any(|job| matches!(job, Job::Append(append) if append.key.is_some()))
        {
            names.extend(keys.idempotency(room));
        }
        if shared.settings.archives {
            names.extend([keys.trim(partition), keys.trimming(partition)]);
        }
        let mut args = vec![
            text(shared.calls.publish_command()),
            text(server),
            text(random_name(8)),
            text(agreed.first_own(room)),
            text(known),
            text(seen.to_string()),
            text(room),
            keys.channel(room),
            text(&shared.node),
            text(counter.to_string()),
            text(words.join(" ")),
            text(types.len().to_string()),
        ];
        for (event, keep) in &types.histories {
            args.extend([text(event), text(keep.to_string())]);
        }
        for event in &types.volatile {
            args.extend([text(event), Bytes::new()]);
        }
        for job in &begun {
            match job {
                Job::Append(append) => {
                    let key = append.key.as_ref().map(key_argument).unwrap_or_default();
                    let index = types.history(&append.event);
                    args.extend([
                        text(index.to_string()),
                        unnumbered(&append.from, append.prepared.text()),
                        key,
                    ]);
                }
                Job::Volatile(volatile) => {
                    let index = types.volatile(&volatile.event);
                    args.extend([text(index.to_string()), volatile.frame.text.clone(), Bytes::new()]);
                }
                Job::Barrier(_) => {}
            }
        }
        shared.note_types(room, types.histories.into_iter().map(|(event, _)| event));
        let keys = names;
        Some(Self {
            partition,
            counter,
            jobs: begun,
            keys,
            args,
            words,
            renews,
        })
    }

    /// The keys and arguments for a server. Those of a repetition differ in one word.
    pub(super) fn arguments(&self, server: &str, is_repetition: bool) -> (Vec<Bytes>, Vec<Bytes>) {
        let mut args = self.args.clone();
        args[SERVER] = text(server);
        if is_repetition {
            let words: Vec<_> = self.words.iter().copied().chain(["repeat"]).collect();
            args[WORDS] = text(words.join(" "));
        }
        (self.keys.clone(), args)
    }

    /// Whether the feed brings an event of the batch to this node, too.
    pub(super) fn is_fed(&self) -> bool {
        self.jobs.iter().any(|job| matches!(job, Job::Volatile(_)))
    }

    /// Gives each event its outcome. Numbers count in this epoch.
    pub(super) fn settle(self, epoch: &Arc<str>, answers: &[EventAnswer]) -> Result<(), StoreFailure> {
        if answers.len() != self.jobs.len() {
            let failure = failed(format!("{} answers for {} events", answers.len(), self.jobs.len()));
            self.end(
                || Appended::Unknown(failure.clone()),
                || Published::Unknown(failure.clone()),
            );
            return Err(failure);
        }
        let unexpected = || failed("an unexpected answer for an event".to_owned());
        for (job, answer) in self.jobs.into_iter().zip(answers) {
            match (job, *answer) {
                (Job::Append(append), answer) => (append.done)(match answer {
                    EventAnswer::Stored(seq) => Appended::Stored {
                        seq,
                        epoch: Some(Arc::clone(epoch)),
                        frame: append.prepared.finish(Some(seq)),
                    },
                    EventAnswer::Repeated(seq) => Appended::Repeated { seq },
                    EventAnswer::Forgotten => Appended::Forgotten,
                    EventAnswer::Published => Appended::Unknown(unexpected()),
                }),
                (Job::Volatile(volatile), EventAnswer::Published) => (volatile.done)(Published::Sent),
                (Job::Volatile(volatile), _) => (volatile.done)(Published::Unknown(unexpected())),
                (Job::Barrier(_), _) => {}
            }
        }
        Ok(())
    }

    /// Gives all events the same outcome.
    pub(super) fn end(self, append: impl Fn() -> Appended, volatile: impl Fn() -> Published) {
        for job in self.jobs {
            match job {
                Job::Append(job) => (job.done)(append()),
                Job::Volatile(job) => (job.done)(volatile()),
                Job::Barrier(_) => {}
            }
        }
    }
}

/// The types of a batch, those with history first.
struct Types {
    /// With how many of them are kept.
    histories: Vec<(EventName, usize)>,
    volatile: Vec<EventName>,
}

impl Types {
    fn of(jobs: &[Job], renewed: impl Iterator<Item = EventName>) -> Self {
        let mut types = Self {
            // Only the types of the batch are trimmed.
            histories: renewed.map(|event| (event, 1)).collect(),
            volatile: Vec::new(),
        };
        for job in jobs {
            match job {
                Job::Append(append) => match types.histories.iter_mut().find(|(event, _)| *event == append.event) {
                    Some((_, keep)) => *keep = append.keep.max(*keep),
                    None => types.histories.push((append.event.clone(), append.keep)),
                },
                Job::Volatile(volatile) if !types.volatile.contains(&volatile.event) => {
                    types.volatile.push(volatile.event.clone());
                }
                Job::Volatile(_) | Job::Barrier(_) => {}
            }
        }
        types
    }

    fn len(&self) -> usize {
        self.histories.len() + self.volatile.len()
    }

    /// Its index in the arguments, from 1.
    fn history(&self, event: &EventName) -> usize {
        1 + self
            .histories
            .iter()
            .position(|(known, _)| known == event)
            .unwrap_or_default()
    }

    fn volatile(&self, event: &EventName) -> usize {
        let index = self
            .volatile
            .iter()
            .position(|known| known == event)
            .unwrap_or_default();
        1 + self.histories.len() + index
    }
}

/// `<bytes of sender>\n<sender>`, then the frame without number and last brace.
fn unnumbered(from: &str, text: &[u8]) -> Bytes {
    const NUMBER: &[u8] = br#","seq":"#;
    let head = from.len().to_string();
    let mut all = Vec::with_capacity(head.len() + 1 + from.len() + text.len() + NUMBER.len());
    all.extend_from_slice(head.as_bytes());
    all.push(b'\n');
    all.extend_from_slice(from.as_bytes());
    all.extend_from_slice(text);
    all.extend_from_slice(NUMBER);
    all.into()
}

/// The key of an event, with its mark.
pub(in crate::cluster::redis) fn key_argument(key: &AppendKey) -> Bytes {
    // The scripts know a third mark, 'm', for repetitions whose key Redis cannot have forgotten. The runtime does not say how old
    // the connection is, so none of them is stored again.
    let mark = if key.repeats.is_some() { b'x' } else { b'u' };
    let mut all = Vec::with_capacity(21);
    all.push(mark);
    all.extend_from_slice(&key_field(&key.user, &key.key));
    all.into()
}

/// A job was withdrawn at its deadline. The runtime has said so already.
fn withdrawn() -> StoreFailure {
    failed("the event was withdrawn at its deadline".to_owned())
}
