//! Sockets: the upgrade, frames, silence, and the life of a server.

mod frames;
mod life;
mod mounted;
mod published;
mod silence;
mod upgrade;
