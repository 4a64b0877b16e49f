//! Brings a file of an older format up to the present one. There is no way back.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Changes the tables of one format into those of the next.
pub(super) type Migration = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// The migration at index 0 changes format 1 into format 2, and so on.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// Takes the missing steps. Each is one transaction with the format's number: after a failure, the file has the format
/// before it and is whole.
pub(super) fn migrate(connection: &mut Connection, from: i64, migrations: &[Migration]) -> rusqlite::Result<()> {
    for (to, migration) in (2..).zip(migrations) {
        if to <= from {
            continue;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}
