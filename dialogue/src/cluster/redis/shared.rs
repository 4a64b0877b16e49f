//! What the parts of the log have in common: the connections, the agreement with the other nodes, and what this node knows of
//! rooms.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use sha2::Sha256;

use super::calls::{CallError, Calls};
use super::foreign::BadReply;
use super::keys::{Keys, Partition, contact_key};
use super::reply::{self, ContactReply};
use super::script::{self, Script};
use crate::id::{EventName, RoomId};
use crate::log::durable::StoreFailure;
use crate::random::random_name;

/// The format of the data that this version writes, and the oldest that it understands.
pub(super) const FORMAT: u64 = 1;

/// How often a room's keys get their lifetime again. Redis forgets a node's answers two hours after it last did that.
const RENEW_EVERY: Duration = Duration::from_secs(55 * 60);

/// What the application decides.
pub(super) struct LogSettings {
    pub(super) prefix: String,
    pub(super) database: i64,
    /// How many partitions there are if this node is the first one.
    pub(super) partitions: u16,
    /// Whether trimmed events go to the application first.
    pub(super) archives: bool,
    /// The most bytes of events that wait.
    pub(super) queue_bytes: usize,
}

pub(super) struct Shared {
    pub(super) calls: Arc<dyn Calls>,
    pub(super) settings: LogSettings,
    /// This run of this node. Random, so that no other one has it.
    pub(super) node: Arc<str>,
    agreed: OnceLock<Agreed>,
    /// The other nodes use another number of partitions: nothing that this node stores would reach them.
    is_apart: AtomicBool,
    rooms: Mutex<HashMap<RoomId, Known>>,
}

/// What all nodes with the same prefix have in common.
pub(super) struct Agreed {
    pub(super) keys: Keys,
    pub(super) secret: [u8; 32],
}

/// Why this node does not agree with the others.
#[derive(Debug)]
pub(super) enum NoAgreement {
    /// There was no answer.
    Call(CallError),
    /// What is there is not ours.
    Foreign(String),
    /// The data has this format.
    Format { found: u64 },
    /// Redis lost its data, and a node that was faster has written another secret. `is_apart`: and another number of
    /// partitions.
    Other { is_apart: bool },
}

/// What this node knows of a room.
#[derive(Debug, Clone, Default)]
struct Known {
    epoch: Option<Arc<str>>,
    /// The highest number seen in this epoch.
    seen: u64,
    /// The types that the room has had.
    types: BTreeSet<EventName>,
    /// When this node last extended the lifetime of the room's keys, and on which server.
    renewed: Option<(Instant, Arc<str>)>,
}

impl Shared {
    pub(super) fn new(calls: Arc<dyn Calls>, settings: LogSettings) -> Self {
        Self {
            calls,
            settings,
            node: random_name(8).into(),
            agreed: OnceLock::new(),
            is_apart: AtomicBool::new(false),
            rooms: Mutex::default(),
        }
    }

    /// Agrees with the other nodes. Call it at the first contact, and again with each new server: one that is empty gets the
    /// secret again.
    pub(super) async fn contact(&self) -> Result<(), NoAgreement> {
        let known = self.agreed.get();
        let partitions = known.map_or(u32::from(self.settings.partitions), |agreed| {
            u32::try_from(agreed.keys.partitions().count()).unwrap_or_default()
        });
        let secret = known.map_or_else(|| random_name(32), |agreed| hexadecimal(&agreed.secret));
        let format = FORMAT.to_string();
        let args = [&format, &format, &partitions.to_string(), &secret].map(text);
        let args = [[Bytes::new(), Bytes::new(), Bytes::new()].as_slice(), &args].concat();
        let keys = vec![contact_key(&self.settings.prefix)];
        let reply = self.calls.call(Partition::META, &script::CONTACT, keys, args).await;
        let reply = reply.map_err(NoAgreement::Call)?;
        match reply::contact(&reply).map_err(|error| NoAgreement::Foreign(error.to_string()))? {
            ContactReply::Format(found) => Err(NoAgreement::Format { found }),
            ContactReply::Agreed { partitions, secret } => self.agree(partitions, secret),
        }
    }

    fn agree(&self, partitions: u16, secret: [u8; 32]) -> Result<(), NoAgreement> {
        let settings = &self.settings;
        let keys = Keys::new(&settings.prefix, settings.database, partitions)
            .map_err(|error| NoAgreement::Foreign(error.to_string()))?;
        let agreed = self.agreed.get_or_init(|| Agreed { keys, secret });
        // Redis was empty, and another node that starts now was faster.
        let is_apart = agreed.keys.partitions().count() != usize::from(partitions);
        self.is_apart.store(is_apart, Ordering::Relaxed);
        match is_apart || agreed.secret != secret {
            true => Err(NoAgreement::Other { is_apart }),
            false => Ok(()),
        }
    }

    /// What the nodes have agreed on. An error before the first contact.
    pub(super) fn agreed(&self) -> Result<&Agreed, StoreFailure> {
        self.agreed.get().ok_or_else(no_contact)
    }

    /// The identity of the server that has a partition now.
    pub(super) fn identity(&self, partition: Partition) -> Result<Arc<str>, StoreFailure> {
        if self.is_apart.load(Ordering::Relaxed) {
            return Err(failed(
                "Redis was emptied, and its rooms are divided into another number of partitions now: restart this node"
                    .to_owned(),
            ));
        }
        self.calls.identity(partition).ok_or_else(no_contact)
    }

    /// The first three arguments of a script that may write.
    pub(super) fn head(&self, partition: Partition) -> Result<Vec<Bytes>, StoreFailure> {
        let identity = self.identity(partition)?;
        Ok(vec![
            text(self.calls.publish_command()),
            text(identity),
            text(random_name(8)),
        ])
    }

    /// Calls a script that may be repeated. Repeats it once if the connection was lost.
    pub(super) async fn call(
        &self,
        partition: Partition,
        script: &'static Script,
        keys: Vec<Bytes>,
        args: Vec<Bytes>,
    ) -> Result<redis::Value, StoreFailure> {
        let reply = self.calls.call(partition, script, keys.clone(), args.clone()).await;
        match reply {
            Err(CallError::Unknown(_)) => self.calls.call(partition, script, keys, args).await,
            other => other,
        }
        .map_err(|error| call_failure(&error))
    }

    /// The epoch that the node knows of an incarnation, and the highest number seen in it.
    pub(super) fn known(&self, room: &RoomId, epoch: &Arc<str>) -> (Arc<str>, u64) {
        let rooms = self.rooms.lock();
        let known = rooms
            .get(room)
            .and_then(|known| Some((known.epoch.clone()?, known.seen)));
        known
            .filter(|(known, _)| own_part(known) == own_part(epoch))
            .unwrap_or_else(|| (Arc::clone(epoch), 0))
    }

    /// The epoch that the node knows of a room.
    pub(super) fn epoch(&self, room: &str) -> Option<Arc<str>> {
        self.rooms.lock().get(room)?.epoch.clone()
    }

    /// Notes a room's last number.
    pub(super) fn note(&self, room: &RoomId, epoch: &Arc<str>, seq: u64) {
        let mut rooms = self.rooms.lock();
        let known = rooms.entry(room.clone()).or_default();
        if known.epoch.as_ref() == Some(epoch) {
            known.seen = known.seen.max(seq);
        } else {
            known.epoch = Some(Arc::clone(epoch));
            known.seen = seq;
        }
    }

    /// The types that the room has had, as far as this node knows.
    pub(super) fn types(&self, room: &str) -> BTreeSet<EventName> {
        self.rooms
            .lock()
            .get(room)
            .map(|known| known.types.clone())
            .unwrap_or_default()
    }

    pub(super) fn note_types(&self, room: &RoomId, types: impl IntoIterator<Item = EventName>) {
        self.rooms.lock().entry(room.clone()).or_default().types.extend(types);
    }

    /// Whether the room's keys need their lifetime again.
    pub(super) fn needs_renewal(&self, room: &str, server: &str, now: Instant) -> bool {
        let rooms = self.rooms.lock();
        let renewed = rooms.get(room).and_then(|known| known.renewed.as_ref());
        renewed.is_none_or(|(at, on)| &**on != server || now.duration_since(*at) >= RENEW_EVERY)
    }

    pub(super) fn note_renewal(&self, room: &RoomId, server: Arc<str>, now: Instant) {
        self.rooms.lock().entry(room.clone()).or_default().renewed = Some((now, server));
    }

    /// Forgets all other rooms than these. What is on its way may have noted a room again that was forgotten.
    pub(super) fn forget_others(&self, used: &HashSet<RoomId>) {
        self.rooms.lock().retain(|room, _| used.contains(room));
    }

    /// Forgets a room that this node does not use any more.
    pub(super) fn forget(&self, room: &str) {
        self.rooms.lock().remove(room);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Agreed {
    /// The own part of the epoch of a room without metadata. It is the same on all nodes.
    pub(super) fn first_own(&self, room: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("an HMAC key may have any length");
        mac.update(b"room\0");
        mac.update(room.as_bytes());
        hexadecimal(&mac.finalize().into_bytes()[..8])
    }
}

/// The part of an epoch that changes only when the room is deleted or created.
pub(super) fn own_part(epoch: &str) -> &str {
    epoch.split_once('.').map_or(epoch, |(own, _)| own)
}

/// The incarnation of a room as the runtime knows it, by an epoch or its own part.
pub(super) fn incarnation(epoch: &str) -> Arc<str> {
    own_part(epoch).into()
}

pub(super) fn text(text: impl AsRef<str>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref().as_bytes())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn failed(reason: String) -> StoreFailure {
    StoreFailure::Failed { reason }
}

pub(super) fn no_contact() -> StoreFailure {
    StoreFailure::Unreachable {
        reason: "there is no connection to Redis".to_owned(),
    }
}

pub(super) fn bad_reply(error: &BadReply) -> StoreFailure {
    failed(error.to_string())
}

pub(super) fn call_failure(error: &CallError) -> StoreFailure {
    let reason = error.text().to_owned();
    match error {
        CallError::NotSent(_) | CallError::Unknown(_) => StoreFailure::Unreachable { reason },
        CallError::Refused(_) | CallError::Failed(_) if reason.starts_with("OOM") => StoreFailure::OutOfMemory,
        CallError::Refused(_) | CallError::Failed(_) => failed(reason),
    }
}
