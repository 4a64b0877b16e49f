//! The shared log of rooms on Redis.
//!
//! - [`script`] has the Lua scripts. Everything that the log changes or reads in Redis, it does by them.
//! - [`keys`] has the names of keys and channels, and the partitions.
//! - [`calls`] is what the log needs of the connections.
//! - [`reply`] reads the replies of scripts, [`answers`], [`entry`] and [`message`] what they publish and store. All are pure.
//! - [`shared`] has what all parts need. [`appender`] sends the changes of rooms in their order.
//! - [`reads`] reads events with a [`walk`], [`positions`] reads how far rooms are, [`rooms`], [`erase`] and [`trimmed`] do the rest.
//! - [`log`] is all of this as the runtime sees it.

mod answers;
mod appender;
mod calls;
mod entry;
mod erase;
mod keys;
mod log;
mod message;
mod positions;
mod reads;
mod reply;
mod rooms;
mod script;
mod shared;
#[cfg(test)]
mod tests;
mod trimmed;
mod walk;
