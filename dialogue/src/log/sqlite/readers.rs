//! The connections that read: a few, used by threads that may block.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use super::failure::failure;
use super::lock::Lock;
use super::watched::Watched;
use crate::log::durable::{Answer, StoreFailure};

/// How many reads run at the same time. A read is short, and more would only compete for the same disk.
const READERS: usize = 4;

/// A pool of connections. They are opened when they are needed for the first time.
#[derive(Debug)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    watched: Arc<Watched>,
    idle: Mutex<Idle>,
    /// One permit for each read that may run.
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
struct Idle {
    readers: Vec<Reader>,
    /// `None` if the pool is closed.
    lock: Option<Arc<Lock>>,
}

/// A connection, and the lock that has to last longer.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    _lock: Arc<Lock>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, lock: Arc<Lock>, watched: Arc<Watched>) -> Self {
        Self(Arc::new(Pool {
            path,
            watched,
            idle: Mutex::new(Idle {
                readers: Vec::new(),
                lock: Some(lock),
            }),
            permits: Arc::new(Semaphore::new(READERS)),
        }))
    }

    /// Runs a read with a connection, in one transaction. It runs on a thread for blocking work, and ends even if the
    /// answer is dropped. Where there is no tokio runtime, it runs on the thread that polls.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let pool = Arc::clone(&self.0);
        Box::pin(async move {
            // Closing waits for all permits, and this read must not wait behind it.
            if pool.idle.lock().lock.is_none() {
                return Err(StoreFailure::Closed);
            }
            let permit = Arc::clone(&pool.permits).acquire_owned().await;
            let permit = permit.map_err(|_closed| StoreFailure::Closed)?;
            let job = move || {
                let answer = pool.run(read);
                drop(permit);
                answer
            };
            match Handle::try_current() {
                Ok(runtime) => runtime.spawn_blocking(job).await.unwrap_or_else(|error| {
                    Err(StoreFailure::Failed {
                        reason: error.to_string(),
                    })
                }),
                Err(_) => job(),
            }
        })
    }

    /// Runs a read here and now.
    pub(super) fn read_here<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFailure> {
        self.0.run(read)
    }

    /// Refuses further reads, and waits until the present ones have ended. Their connections are then closed.
    pub(super) fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.refuse();
        let pool = Arc::clone(&self.0);
        async move {
            // A read that waits for its turn still gets it, and is then refused.
            let all = u32::try_from(READERS).unwrap_or(u32::MAX);
            if pool.permits.acquire_many(all).await.is_ok() {
                pool.permits.close();
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.refuse();
    }
}

impl Pool {
    fn run<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFailure> {
        let reader = self.take()?;
        let answer = in_transaction(&reader.connection, read);
        let mut idle = self.idle.lock();
        // A connection that has failed is not used again: its next owner begins with a new one.
        if answer.is_ok() && idle.lock.is_some() {
            idle.readers.push(reader);
        }
        drop(idle);
        answer.map_err(|error| failure(&error))
    }

    fn take(&self) -> Result<Reader, StoreFailure> {
        let mut idle = self.idle.lock();
        let Some(lock) = idle.lock.clone() else {
            return Err(StoreFailure::Closed);
        };
        if let Some(reader) = idle.readers.pop() {
            return Ok(reader);
        }
        drop(idle);
        // A connection goes by the path, which may lead to another file by now.
        if let Some(replaced) = self.watched.replaced() {
            return Err(replaced);
        }
        let connection = open_reader(&self.path).map_err(|error| failure(&error))?;
        Ok(Reader {
            connection,
            _lock: lock,
        })
    }

    fn refuse(&self) {
        let mut idle = self.idle.lock();
        let (closing, lock) = (std::mem::take(&mut idle.readers), idle.lock.take());
        drop(idle);
        drop(closing);
        drop(lock);
    }
}

/// All statements of a read see the same state of the file.
fn in_transaction<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let answer = read(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}
