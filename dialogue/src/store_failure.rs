//! Why a store could not store or read something.

/// Why a store could not store or read something. It tries again with the next call, so a temporary failure ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// The log that several nodes share cannot be reached: its server is not running, or a network does not work.
    #[error("the store cannot be reached: {reason}")]
    Unreachable {
        /// What the connection reports.
        reason: String,
    },
    /// The server of that log has no memory left for more events.
    #[error("the store is out of memory: raise its limit (`maxmemory`), or keep fewer events")]
    OutOfMemory,
    /// The disk is full, or the file has reached its size limit.
    #[error("the store's disk is full: free some space")]
    Full,
    /// The file or its folder is read-only.
    #[error("the store's file is read-only: make it and its folder writable for this user")]
    ReadOnly,
    /// Too much waits for the store already.
    #[error("too many events wait for the store (store_queue_bytes = {limit})")]
    Overloaded {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The store did not answer in time.
    #[error("the store did not answer within {seconds} s (append_deadline)")]
    TimedOut {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The file is damaged.
    #[error(
        "the store's file is damaged: {reason}; stop the server and restore a backup, or save what is left as docs/durability.md explains"
    )]
    Corrupt {
        /// What the database reports.
        reason: String,
    },
    /// The store is closed, because the server has stopped.
    #[error("the store is closed")]
    Closed,
    /// Another failure.
    #[error("the store failed: {reason}")]
    Failed {
        /// What the database or the operating system reports.
        reason: String,
    },
}
