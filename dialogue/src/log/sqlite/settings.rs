//! The settings of a file: the public builder. Opens nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::writer::StoreFaults;
use crate::event::dialogue_event::DialogueEvent;
use crate::id::EventName;

/// The history of rooms in a file, which outlives the process. Give it to [`Builder::store`](crate::Builder::store).
///
/// The store is an embedded database, SQLite. `open` only records the settings:
/// [`build`](crate::Builder::build) opens the file and creates it if there is none. One process uses a file at a time.
///
/// Next to `desk.db` there are `desk.db-wal` and `desk.db-shm` while it is open, and always `desk.db-lock`. A new
/// file is readable only by the user of the process.
///
/// ```
/// use std::time::Duration;
///
/// use dialogue::sqlite::{Durability, Retention, Sqlite};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
///
/// let store = Sqlite::open("desk.db")
///     .durability(Durability::Power)
///     .retention(Retention::default().with_age(90 * DAY));
/// # let _ = store;
/// ```
#[derive(Debug, Clone)]
#[must_use = "give it to `Builder::store`"]
pub struct Sqlite {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    pub(super) retention: RetentionPolicy,
    /// `None` asks the operating system.
    pub(super) boot_id: Option<Option<String>>,
    pub(super) faults: StoreFaults,
}

/// What survives. Both levels survive the end of the process, however it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// An accepted event survives `kill -9`. If the machine loses power or its operating system crashes, the events of
    /// the last moments can be lost. All rooms then get other epochs, so that every client reports a gap.
    /// This is the default (`synchronous = NORMAL` in SQLite's terms).
    #[default]
    Process,
    /// An accepted event also survives a power failure: the store waits until the disk has it (`synchronous = FULL`).
    /// Triggers take longer, by the time that the disk needs for a flush.
    Power,
}

/// How long the store keeps events. It deletes an event that exceeds either bound, the oldest first, after
/// [`on_history_evicted`](crate::Builder::on_history_evicted) has taken it.
///
/// The default is 30 days and 1 GiB, all rooms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub(super) age: Option<Duration>,
    pub(super) bytes: Option<u64>,
}

/// The retention of each event type.
#[derive(Debug, Clone, Default)]
pub(super) struct RetentionPolicy {
    /// Of all types that are not in `own`, together.
    pub(super) shared: Retention,
    /// Types with a budget of their own.
    pub(super) own: BTreeMap<EventName, Retention>,
}

impl Sqlite {
    /// Uses the file at `path`. A relative path begins at the working directory. The folder must exist.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            retention: RetentionPolicy::default(),
            boot_id: None,
            faults: StoreFaults::default(),
        }
    }

    /// What survives a power failure. Default: [`Durability::Process`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long events are kept. Default: 30 days, and 1 GiB of events of all types that have no
    /// [retention of their own](Self::retention_of).
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention.shared = retention;
        self
    }

    /// How long the events of one type are kept. They have their own number of bytes, so that other types take
    /// nothing from them. The last call for a type applies.
    pub fn retention_of<E: DialogueEvent>(mut self, retention: Retention) -> Self {
        self.retention.own.insert(E::NAME.into(), retention);
        self
    }

    /// Pretends that the operating system has this boot id, or none. For tests of a power failure.
    #[doc(hidden)]
    pub fn with_boot_id(mut self, boot_id: Option<String>) -> Self {
        self.boot_id = Some(boot_id);
        self
    }

    /// Lets a test make the store fail, and see how it batches.
    #[doc(hidden)]
    pub fn with_faults(mut self, faults: &StoreFaults) -> Self {
        self.faults = faults.clone();
        self
    }
}

impl Retention {
    /// Keeps everything until it is deleted or erased.
    pub const FOREVER: Self = Self { age: None, bytes: None };

    /// Deletes events that the store received longer ago than this. The time of the event itself
    /// ([`timestamp`](crate::EventMessage::timestamp)) does not count, because callers can set it. Default: 30 days.
    #[must_use]
    pub const fn with_age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Deletes the oldest events beyond this number of bytes of events, as clients receive them. The file is larger,
    /// because it also has indexes and free pages. Default: 1 GiB.
    #[must_use]
    pub const fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self::FOREVER.with_age(30 * DAY).with_bytes(1024 * 1024 * 1024)
    }
}
