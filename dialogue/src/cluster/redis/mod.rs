//! The shared log of rooms on Redis.
//!
//! - [`script`] has the Lua scripts. Everything that the log changes or reads in Redis, it does by them.
//! - [`keys`] has the names of keys and channels, and the partitions. [`hash_tag`] puts them into slots.
//! - [`calls`] is what the log needs of the connections.
//! - [`settings`], [`address`] and [`error`] are the public settings. [`stream`], with [`tls`], opens a stream, [`connection`] is one
//!   connection over it, [`link`] and [`feed`] are connections that are opened again: for commands, and for messages. [`route`] has
//!   all of them, and finds the server of a partition by its [`slots`]. [`server_info`] and [`refusal`] read what servers say.
//! - [`foreign`] says what is not as our scripts write it. [`reply`] reads the replies of scripts, [`answers`], [`entry`] and [`message`] what they publish and store. All are pure.
//! - [`shared`] has what all parts need. [`appender`] sends the changes of rooms in their order.
//! - [`reads`] reads events with a [`walk`], [`positions`] reads how far rooms are, [`index`] which rooms there are, and
//!   [`rooms`], [`erase`] and [`trimmed`] do the rest.
//! - [`archiving`] gives trimmed events to one node at a time, and [`sent`] finds the events of a user.
//! - [`log`] is the log alone. [`engine`] is the log with its feed, as the runtime sees it.

mod address;
mod answers;
mod appender;
mod archiving;
mod calls;
mod change_position;
mod connection;
mod engine;
mod entry;
mod erase;
mod error;
mod feed;
mod foreign;
mod hash_tag;
mod index;
mod keys;
mod link;
mod log;
mod message;
mod positions;
mod reads;
mod refusal;
mod reply;
mod rooms;
mod route;
mod script;
mod sent;
mod server_info;
mod settings;
mod shared;
mod slots;
mod stream;
mod tls;

pub(crate) use self::engine::{Options, RedisCluster};
pub use self::error::RedisError;
pub use self::settings::Redis;

/// Reads arbitrary bytes as everything that other nodes write. Says what it is.
#[cfg(feature = "testing")]
pub(crate) fn read_foreign(bytes: &[u8]) -> Vec<&'static str> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let read = [
        ("a message of a room", message::RoomMessage::parse(&bytes).is_ok()),
        (
            "a message of a partition",
            message::PartitionMessage::parse(&bytes).is_ok(),
        ),
        ("an entry", entry::Entry::parse(bytes.clone()).is_ok()),
        ("a record", reply::room_record(&bytes).is_ok()),
        ("answers", answers::parse(text, u64::MAX).is_ok()),
    ];
    read.into_iter()
        .filter_map(|(name, is_read)| is_read.then_some(name))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
mod trimmed;
mod walk;
