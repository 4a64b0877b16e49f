//! Opens a file: checks whose it is, brings its format up to date, and decides on its generation.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connection::{checkpoint_patiently, open_writer, set_synchronous, sqlite_error};
use super::error::SqliteError;
use super::files::{beside, io_error};
use super::identity::{Identity, random_part};
use super::location::{Location, is_readable_by_all};
use super::meta::{Meta, Opening};
use super::migrations::{MIGRATIONS, migrate};
use super::readers::Readers;
use super::schema::{APPLICATION_ID, CREATE, FORMAT};
use super::settings::{Durability, Sqlite};
use super::store::SqliteLog;
use super::system::{boot_id, now};
use super::watched::Watched;
use super::writer::{NotStarted, Writer, WriterSettings};
use crate::log::durable::{Revocation, StoreRun};
use crate::random::random_bytes;

/// Whose file it is, as the file says.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// Nothing yet.
    Empty,
    /// Tables of Dialogue, in this format.
    Ours(i64),
    /// Something else.
    Foreign,
    /// A database whose beginning is damaged.
    Damaged,
}

impl Sqlite {
    /// Opens the file and starts the writer. `queue_bytes` is the most that may wait for it.
    pub(crate) fn start(self, queue_bytes: usize) -> Result<SqliteLog, SqliteError> {
        let location = Location::lock(&self.path, true)?;
        let path = location.path.clone();
        if is_readable_by_all(&path) {
            tracing::warn!(
                path = %path.display(),
                "every user of this machine can read the store's file, which has all events and a secret: `chmod 600` it"
            );
        }
        let failed = |error: rusqlite::Error| sqlite_error(&path, &error);
        let opening = Opening {
            boot_id: self.boot_id.unwrap_or_else(boot_id),
            file: location.file_id()?,
            has_log: beside(&path, "-wal").exists(),
            durability: self.durability,
            now: now(),
        };
        let mut connection = open_ours(&location, Some(&opening))?;
        let meta = begin_run(&mut connection, opening).map_err(failed)?;
        let Some(meta) = meta else {
            return Err(without_meta(&path));
        };
        // Move everything written so far into the file itself, so that the loss of the write-ahead log cannot hide it.
        // If a program reads just now, the writer does that as soon as it has ended.
        let is_empty = checkpoint_patiently(&connection).map_err(failed)?;
        set_synchronous(&connection, self.durability).map_err(failed)?;
        let identity = Arc::new(Identity {
            secret: meta.secret,
            generation: meta.generation.into(),
            run: meta.run,
        });
        let run = StoreRun {
            run: meta.run,
            oldest: meta.oldest_run,
            generation: Arc::clone(&identity.generation),
            secret: meta.secret,
            revoked: revocations(&connection).map_err(failed)?,
        };
        let (lock, watched) = (Arc::new(location.lock), Arc::new(Watched::new(&path)));
        let readers = Readers::new(path.clone(), Arc::clone(&lock), Arc::clone(&watched));
        let settings = WriterSettings {
            identity: Arc::clone(&identity),
            queue_bytes,
            lock,
            watched,
            must_empty_log: !is_empty,
            faults: self.faults,
        };
        let writer = Writer::start(connection, settings).map_err(|error| match error {
            NotStarted::Database(error) => sqlite_error(&path, &error),
            NotStarted::Thread(error) => io_error(&path, error),
        })?;
        Ok(SqliteLog::new((path, readers), identity, self.retention, run, writer))
    }

    /// Gives all rooms in the file other epochs, so that every client that reconnects learns of a gap. Call it after you
    /// have restored an older state of the file **in place**, such as with `sqlite3 desk.db ".restore backup.db"` or a
    /// snapshot of the disk: Dialogue cannot notice that. It notices a restored **copy** itself.
    ///
    /// Numbers continue, and the history stays readable. No server may have the file open.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`], such as [`InUse`](SqliteError::InUse). A file that does not exist is not created.
    pub fn new_generation(path: impl AsRef<Path>) -> Result<(), SqliteError> {
        let location = Location::lock(path.as_ref(), false)?;
        let failed = |error: rusqlite::Error| sqlite_error(&location.path, &error);
        let connection = open_ours(&location, None)?;
        let changed = connection
            .execute("UPDATE meta SET generation = ?1", [random_part()])
            .map_err(failed)?;
        if changed != 1 {
            return Err(without_meta(&location.path));
        }
        match checkpoint_patiently(&connection).map_err(failed)? {
            true => Ok(()),
            // The change is only in the write-ahead log, which may get lost.
            false => Err(SqliteError::InUse {
                path: location.path.clone(),
            }),
        }
    }
}

/// Opens the file with the present format. Every commit waits for the disk. An empty file gets its tables if `opening`
/// says what to write into them.
fn open_ours(location: &Location, opening: Option<&Opening>) -> Result<Connection, SqliteError> {
    let path = &*location.path;
    let failed = |error: rusqlite::Error| sqlite_error(path, &error);
    match peek(path).map_err(failed)? {
        Content::Foreign => return Err(SqliteError::NotADatabase { path: path.to_owned() }),
        Content::Damaged => {
            return Err(damaged(
                path,
                "its beginning is not that of a database, but it has a write-ahead log",
            ));
        }
        Content::Ours(found) if found > FORMAT => return Err(newer(path, found)),
        Content::Ours(_) | Content::Empty => {}
    }
    let mut connection = open_writer(path)?;
    set_synchronous(&connection, Durability::Power).map_err(failed)?;
    // The first look did not see what is only in a write-ahead log.
    match (content(&connection).map_err(failed)?, opening) {
        (Content::Empty, Some(opening)) => create(&mut connection, opening).map_err(failed)?,
        (Content::Empty | Content::Foreign | Content::Damaged, _) => {
            return Err(SqliteError::NotADatabase { path: path.to_owned() });
        }
        (Content::Ours(found), _) if found > FORMAT => return Err(newer(path, found)),
        (Content::Ours(found), _) => migrate(&mut connection, found, MIGRATIONS).map_err(failed)?,
    }
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(SqliteError::Failed {
            path: path.to_owned(),
            reason: format!("its file system does not support a write-ahead log (journal_mode = {mode})"),
        });
    }
    Ok(connection)
}

/// Looks at the file alone, without its write-ahead log. This changes nothing, not even files next to it.
fn peek(path: &Path) -> rusqlite::Result<Content> {
    // SQLite takes such a file for an empty one, and would overwrite it.
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == 1) {
        return Ok(Content::Foreign);
    }
    let Some(uri) = immutable_uri(path) else {
        return Ok(Content::Empty);
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match Connection::open_with_flags(uri, flags).and_then(|connection| content(&connection)) {
        // Without its write-ahead log, a healthy file can look damaged.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => Ok(Content::Empty),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            // Other files have no write-ahead log next to them.
            Ok(if beside(path, "-wal").is_file() {
                Content::Damaged
            } else {
                Content::Foreign
            })
        }
        looked => looked,
    }
}

/// A URI that lets SQLite read the file as it is. `None` if the path cannot be written as one.
fn immutable_uri(path: &Path) -> Option<String> {
    use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let bytes = path.to_str()?.as_bytes();
    let path = percent_encode(bytes, ESCAPED);
    cfg!(unix).then(|| format!("file://{path}?immutable=1"))
}

fn content(connection: &Connection) -> rusqlite::Result<Content> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, format) = (number("application_id")?, number("user_version")?);
    if application == i64::from(APPLICATION_ID) {
        return Ok(Content::Ours(format));
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(Content::Empty),
        _ => Ok(Content::Foreign),
    }
}

/// Makes the tables, in one transaction: if the process ends during it, the file is empty again.
fn create(connection: &mut Connection, opening: &Opening) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.execute_batch(CREATE)?;
    Meta::new(opening, random_bytes()).write(&transaction)?;
    transaction.commit()
}

/// Notes that a server has the file open. Returns the row, unless the file has none.
fn begin_run(connection: &mut Connection, opening: Opening) -> rusqlite::Result<Option<Meta>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(meta) = Meta::read(&transaction)? else {
        return Ok(None);
    };
    let meta = meta.open(opening);
    meta.write(&transaction)?;
    transaction.commit()?;
    Ok(Some(meta))
}

/// The revocations of runs that the file still knows.
fn revocations(connection: &Connection) -> rusqlite::Result<Vec<Revocation>> {
    let mut statement = connection
        .prepare("SELECT user, run, at FROM revocations WHERE run >= (SELECT oldest_run FROM meta) ORDER BY user")?;
    let revoked = statement.query_map([], |row| {
        Ok(Revocation {
            user: row.get_ref(0)?.as_str()?.into(),
            run: row.get::<_, i64>(1)?.cast_unsigned(),
            at: row.get::<_, i64>(2)?.cast_unsigned(),
        })
    })?;
    revoked.collect()
}

fn newer(path: &Path, found: i64) -> SqliteError {
    SqliteError::NewerVersion {
        path: path.to_owned(),
        found,
        supported: FORMAT,
    }
}

fn without_meta(path: &Path) -> SqliteError {
    damaged(path, "the table `meta` has no row")
}

fn damaged(path: &Path, reason: &str) -> SqliteError {
    SqliteError::Corrupt {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
