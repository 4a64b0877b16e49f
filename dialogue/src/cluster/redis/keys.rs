//! The names of keys and channels, and the partitions. Pure.
//!
//! The keys of one partition have one hash tag, `{<prefix>:<tag>}`, so they are in one slot of a Redis Cluster. The tags are
//! chosen so that the slots of the partitions are evenly spread.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::hash_tag::{SLOTS, crc16, slot, tags};
use crate::id::{EventName, RoomId, UserId};

/// A partition: a part of the rooms, whose keys are on the same server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Partition(u16);

impl Partition {
    /// Where the format, the number of partitions and the secret are. No room is in it.
    pub(super) const META: Self = Self(u16::MAX);

    /// Its place among the partitions, from 0.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Why a prefix or a number of partitions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum KeysError {
    /// The prefix would change the hash tags.
    #[error("the key prefix must not be empty, longer than {MAX_PREFIX} bytes, or contain braces or spaces")]
    Prefix,
    /// There are too many partitions, or none.
    #[error("the number of partitions must be from 1 to {SLOTS}")]
    Partitions,
}

/// The longest prefix, in bytes. Redis keeps it in each key.
const MAX_PREFIX: usize = 100;

/// The names of all keys and channels.
#[derive(Clone)]
pub(super) struct Keys {
    prefix: Arc<str>,
    /// Between a partition's tag and the rest of a channel's name. A database does not separate channels.
    database: Arc<str>,
    tags: Arc<[Box<str>]>,
}

impl Keys {
    /// The names for a database with this number, which has this many partitions. 0 is the only database of a cluster.
    pub(super) fn new(prefix: &str, database: i64, partitions: u16) -> Result<Self, KeysError> {
        check_prefix(prefix)?;
        if !(1..=SLOTS).contains(&partitions) {
            return Err(KeysError::Partitions);
        }
        let database = match database {
            0 => String::new(),
            number => format!("/{number}"),
        };
        Ok(Self {
            prefix: prefix.into(),
            database: database.into(),
            tags: tags(prefix, partitions),
        })
    }

    /// All partitions.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        // There are at most `SLOTS`.
        (0..u16::try_from(self.tags.len()).unwrap_or(SLOTS)).map(Partition)
    }

    /// The partition of a room.
    pub(super) fn partition(&self, room: &str) -> Partition {
        let partitions = u16::try_from(self.tags.len()).unwrap_or(SLOTS);
        Partition(crc16(room.as_bytes()) % partitions)
    }

    /// The slot of a partition in a Redis Cluster.
    pub(super) fn slot(&self, partition: Partition) -> u16 {
        slot(self.tag(partition).as_bytes())
    }

    /// `{prefix}:meta`: the format, the number of partitions and the secret.
    pub(super) fn contact(&self) -> Bytes {
        contact_key(&self.prefix)
    }

    /// `{prefix}:nodes`: the nodes that have said hello.
    pub(super) fn nodes(&self) -> Bytes {
        format!("{{{}}}:nodes", self.prefix).into()
    }

    /// A channel that nobody listens to.
    pub(super) fn silent_channel(&self, partition: Partition) -> Bytes {
        self.name(partition, &[":p"])
    }

    /// The metadata of a room.
    pub(super) fn meta(&self, room: &str) -> Bytes {
        self.of_room(room, &[":m:", room])
    }

    /// The events of a type.
    pub(super) fn events(&self, room: &str, event: &EventName) -> Bytes {
        self.of_room(room, &[":e:", room, "/", event])
    }

    /// A pattern of the names of all events, as SCAN takes it.
    pub(super) fn all_events(&self) -> Bytes {
        let mut pattern = String::from("{");
        for letter in self.prefix.chars() {
            if "*?[]\\^-".contains(letter) {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push_str(":*}:e:*");
        Bytes::from(pattern)
    }

    /// The room and the type of a name of events, or `None` if it is another name.
    pub(super) fn room_and_event(&self, name: &[u8]) -> Option<(RoomId, EventName)> {
        let name = std::str::from_utf8(name).ok()?;
        let (_, rest) = name.split_once("}:e:")?;
        let (room, event) = rest.split_once('/')?;
        let (room, event) = (RoomId::from(room), EventName::from(event));
        (self.events(&room, &event) == name).then_some((room, event))
    }

    /// The three hashes with a room's idempotency keys.
    pub(super) fn idempotency(&self, room: &str) -> [Bytes; 3] {
        ["0", "1", "2"].map(|number| self.of_room(room, &[":k:", room, "/", number]))
    }

    /// The change log.
    pub(super) fn log(&self, partition: Partition) -> Bytes {
        self.name(partition, &[":log"])
    }

    /// The rooms that were created or deleted.
    pub(super) fn rooms(&self, partition: Partition) -> Bytes {
        self.name(partition, &[":rooms"])
    }

    /// The trimmed events.
    pub(super) fn trim(&self, partition: Partition) -> Bytes {
        self.name(partition, &[":trim"])
    }

    /// The lease on the trimmed events.
    pub(super) fn trimming(&self, partition: Partition) -> Bytes {
        self.name(partition, &[":trimming"])
    }

    /// The channel of a room.
    pub(super) fn channel(&self, room: &str) -> Bytes {
        self.of_room(room, &[&self.database, ":c:", room])
    }

    /// The channel of a partition.
    pub(super) fn partition_channel(&self, partition: Partition) -> Bytes {
        self.name(partition, &[&self.database, ":c"])
    }

    /// The room of a channel, or `None` if it is no room's channel.
    pub(super) fn room_of_channel(&self, channel: &[u8]) -> Option<RoomId> {
        let text = std::str::from_utf8(channel).ok()?;
        let rest = text.strip_prefix('{')?.strip_prefix(&*self.prefix)?.strip_prefix(':')?;
        let (_, rest) = rest.split_once('}')?;
        let room = rest.strip_prefix(&*self.database)?.strip_prefix(":c:")?;
        (self.channel(room) == channel).then(|| room.into())
    }

    fn of_room(&self, room: &str, parts: &[&str]) -> Bytes {
        self.name(self.partition(room), parts)
    }

    fn name(&self, partition: Partition, parts: &[&str]) -> Bytes {
        let tag = self.tag(partition);
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let mut name = Vec::with_capacity(tag.len() + 2 + bytes);
        name.push(b'{');
        name.extend_from_slice(tag.as_bytes());
        name.push(b'}');
        for part in parts {
            name.extend_from_slice(part.as_bytes());
        }
        name.into()
    }

    /// What is between the braces.
    fn tag(&self, partition: Partition) -> &str {
        self.tags.get(partition.index()).map_or(&self.prefix, |tag| tag)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("prefix", &self.prefix)
            .field("partitions", &self.tags.len())
            .finish_non_exhaustive()
    }
}

/// `{prefix}:meta`. Needs no number of partitions, because it is what tells it.
pub(super) fn contact_key(prefix: &str) -> Bytes {
    format!("{{{prefix}}}:meta").into()
}

/// Whether keys may begin with this prefix.
pub(super) fn check_prefix(prefix: &str) -> Result<(), KeysError> {
    let is_usable = |c: char| !matches!(c, '{' | '}') && !c.is_whitespace() && !c.is_control();
    match !prefix.is_empty() && prefix.len() <= MAX_PREFIX && prefix.chars().all(is_usable) {
        true => Ok(()),
        false => Err(KeysError::Prefix),
    }
}

/// The idempotency key as a field of its hash.
pub(super) fn key_field(user: &UserId, key: &str) -> [u8; 20] {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(user.as_bytes());
    sha1.update(b"\0");
    sha1.update(key.as_bytes());
    sha1.digest().bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn partitions_have_slots_of_their_own_evenly_spread() {
        for prefix in ["dialogue", "d", "my-app:staging"] {
            for partitions in [1, 2, 3, 7, 256, 1_000, SLOTS] {
                let keys = Keys::new(prefix, 0, partitions).unwrap();
                assert_eq!(keys.partitions().count(), usize::from(partitions));
                for partition in keys.partitions() {
                    let (n, p) = (u32::from(partitions), u32::from(partition.0));
                    let (low, high) = (p * 16_384 / n, (p + 1) * 16_384 / n);
                    let slot = u32::from(keys.slot(partition));
                    assert!(
                        (low..high).contains(&slot),
                        "{prefix} {partition:?} of {partitions}: {slot}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_tags_never_change() {
        let keys = Keys::new("dialogue", 0, 256).unwrap();
        let log = |partition| String::from_utf8(keys.log(Partition(partition)).to_vec()).unwrap();
        assert_eq!(
            [log(0), log(1), log(255)],
            ["{dialogue:1z}:log", "{dialogue:8}:log", "{dialogue:4z}:log"]
        );
        assert_eq!(keys.partition("chat"), Partition(204));
    }

    #[test]
    fn names_of_rooms_and_types_never_collide() {
        let keys = Keys::new("dialogue", 0, 256).unwrap();
        let names = HashSet::from([
            keys.events("q", &"w:x".into()),
            keys.events("q:w", &"x".into()),
            keys.meta("q"),
            keys.channel("q"),
        ]);
        assert_eq!(names.len(), 4);
    }

    #[test]
    fn channels_tell_their_room_and_belong_to_a_database() {
        for database in [0, 1, 12] {
            let keys = Keys::new("dialogue", database, 256).unwrap();
            for room in ["chat", "a:b", ":c:", "a%b=@,;", "/1:c:x"] {
                assert_eq!(keys.room_of_channel(&keys.channel(room)).as_deref(), Some(room));
            }
            assert_eq!(keys.room_of_channel(&keys.partition_channel(Partition(3))), None);
            assert_eq!(keys.room_of_channel(b"{dialogue:x}:c:chat"), None);
        }
        let of = |database| Keys::new("dialogue", database, 256).unwrap().channel("a");
        assert_ne!(of(0), of(1));
    }

    #[test]
    fn refuses_prefixes_that_change_the_hash_tag() {
        for prefix in ["", "a{b", "a}b", "a b", "a\nb", &"x".repeat(101)] {
            assert_eq!(Keys::new(prefix, 0, 256).unwrap_err(), KeysError::Prefix, "{prefix}");
        }
        assert_eq!(Keys::new("a", 0, 0).unwrap_err(), KeysError::Partitions);
        assert_eq!(Keys::new("a", 0, SLOTS + 1).unwrap_err(), KeysError::Partitions);
    }
}
