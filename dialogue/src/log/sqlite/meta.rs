//! The row about the file itself, and the rule for its generation.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::identity::random_part;
use super::location::FileId;
use super::settings::Durability;

/// What the file says about itself and its last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) secret: [u8; 32],
    pub(super) generation: String,
    pub(super) boot_id: Option<String>,
    pub(super) file: FileId,
    /// Whether the last run stored everything.
    pub(super) is_clean: bool,
    pub(super) durability: Durability,
    pub(super) run: u64,
    /// The oldest run whose keys and revocations are still in the file.
    pub(super) oldest_run: u64,
    /// In milliseconds since 1970.
    pub(super) opened_at: i64,
}

/// What is true now, when the file is opened.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) boot_id: Option<String>,
    pub(super) file: FileId,
    /// Whether there was a write-ahead log before the file was opened.
    pub(super) has_log: bool,
    pub(super) durability: Durability,
    /// In milliseconds since 1970.
    pub(super) now: i64,
}

impl Meta {
    /// The row of a new file, before its first run.
    pub(super) fn new(opening: &Opening, secret: [u8; 32]) -> Self {
        Self {
            secret,
            generation: random_part(),
            boot_id: opening.boot_id.clone(),
            file: opening.file,
            is_clean: true,
            durability: opening.durability,
            run: 0,
            oldest_run: 1,
            opened_at: opening.now,
        }
    }

    /// The row while a server has the file open. The generation is another one if events may be missing that a client
    /// has seen: then all rooms need other epochs.
    pub(super) fn open(self, opening: Opening) -> Self {
        let generation = match self.may_lack_events(&opening) {
            true => random_part(),
            false => self.generation,
        };
        Self {
            secret: self.secret,
            generation,
            boot_id: opening.boot_id,
            file: opening.file,
            is_clean: false,
            durability: opening.durability,
            run: self.run + 1,
            oldest_run: self.oldest_run,
            opened_at: opening.now,
        }
    }

    fn may_lack_events(&self, opening: &Opening) -> bool {
        // The writes of the last run reached the operating system, which keeps them until it crashes. Two unknown boot ids
        // may differ.
        let same_boot = self.boot_id.is_some() && self.boot_id == opening.boot_id;
        let lost_power = !self.is_clean && self.durability == Durability::Process && !same_boot;
        // SQLite removes the log only at a clean end. Without it, the file lacks what the last run stored lately.
        let lost_log = !self.is_clean && !opening.has_log;
        // A copy may be older than the file that clients know.
        lost_power || lost_log || opening.file.differs(self.file)
    }

    /// Reads the row. `None` if there is none, which no healthy file has.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        connection
            .query_row(
                "SELECT secret, generation, boot_id, device, inode, born, is_clean, durability, run, opened_at, oldest_run
                 FROM meta WHERE id = 1",
                [],
                Self::of_row,
            )
            .optional()
    }

    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            secret: row.get(0)?,
            generation: row.get(1)?,
            boot_id: row.get(2)?,
            file: FileId {
                device: row.get(3)?,
                inode: row.get(4)?,
                born: row.get(5)?,
            },
            is_clean: row.get(6)?,
            durability: match row.get_ref(7)?.as_str()? {
                "power" => Durability::Power,
                // For a level that is unknown here, assume the weakest one.
                _ => Durability::Process,
            },
            run: row.get::<_, i64>(8)?.cast_unsigned(),
            opened_at: row.get(9)?,
            oldest_run: row.get::<_, i64>(10)?.cast_unsigned(),
        })
    }

    /// Writes the row.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let durability = match self.durability {
            Durability::Process => "process",
            Durability::Power => "power",
        };
        connection.execute(
            "INSERT INTO meta
                 (id, secret, generation, boot_id, device, inode, born, is_clean, durability, run, opened_at,
                  oldest_run)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET
                 generation = ?2, boot_id = ?3, device = ?4, inode = ?5, born = ?6, is_clean = ?7, durability = ?8,
                 run = ?9, opened_at = ?10, oldest_run = ?11",
            params![
                self.secret,
                self.generation,
                self.boot_id,
                self.file.device,
                self.file.inode,
                self.file.born,
                self.is_clean,
                durability,
                self.run.cast_signed(),
                self.opened_at,
                self.oldest_run.cast_signed(),
            ],
        )?;
        Ok(())
    }
}
