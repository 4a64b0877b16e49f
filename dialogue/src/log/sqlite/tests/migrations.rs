//! Formats: how a file of an older one gets the present one.

use rusqlite::{Connection, Transaction};

use crate::log::sqlite::migrations::{MIGRATIONS, Migration, migrate};
use crate::log::sqlite::schema::FORMAT;

fn format(connection: &Connection) -> i64 {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn add_a(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("CREATE TABLE a (x)")
}

fn add_b(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("CREATE TABLE b (x)")
}

fn fails(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("CREATE TABLE c (x); INSERT INTO missing VALUES (1)")
}

fn tables(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema ORDER BY name")
        .unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

#[test]
fn there_is_a_migration_to_each_format() {
    assert_eq!(i64::try_from(MIGRATIONS.len()).unwrap(), FORMAT - 1);
}

#[test]
fn takes_only_the_missing_steps_in_order() {
    for (from, expected) in [(1, vec!["a", "b"]), (2, vec!["b"]), (3, vec![])] {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", from).unwrap();
        migrate(&mut connection, from, &[add_a, add_b]).unwrap();
        assert_eq!(tables(&connection), expected, "{from}");
        assert_eq!(format(&connection), 3, "{from}");
    }
}

#[test]
fn a_step_that_fails_leaves_the_format_before_it() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let steps: [Migration; 3] = [add_a, fails, add_b];
    migrate(&mut connection, 1, &steps).unwrap_err();
    assert_eq!(tables(&connection), ["a"]);
    assert_eq!(format(&connection), 2);
    migrate(&mut connection, 2, &[add_a, add_b]).unwrap();
    assert_eq!(tables(&connection), ["a", "b"]);
    assert_eq!(format(&connection), 3);
}
