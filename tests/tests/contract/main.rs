//! The contract of rooms as clients and their tools see it. `contract-node` has the part that needs Node.

mod asyncapi;
mod documents;
mod every_shape;
mod forms;
mod node;
mod rooms;
