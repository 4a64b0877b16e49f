//! Sockets: the upgrade, frames, silence, and the life of a server.

mod frames;
mod http2;
mod life;
mod mounted;
mod published;
mod silence;
mod upgrade;
