//! Queues of asynchronous jobs that run one after another, and the tasks that run them.
//!
//! A queue survives the loss of its task, such as the end of the task's runtime: its jobs continue in another runtime.

mod queue;
mod tasks;
#[cfg(test)]
mod tests;

pub(crate) use queue::{JobTicket, SerialQueue, spawn_job};
pub(crate) use tasks::Tasks;
