//! The shared log of rooms on Redis.
//!
//! - [`script`] has the Lua scripts. Everything that the log changes or reads in Redis, it does by them.
//! - [`keys`] has the names of keys and channels, and the partitions.
//! - [`calls`] is what the log needs of the connections.
//! - [`reply`] reads the replies of scripts, [`answers`], [`entry`] and [`message`] what they publish and store. All are pure.

mod answers;
mod calls;
mod entry;
mod keys;
mod message;
mod reply;
mod script;
