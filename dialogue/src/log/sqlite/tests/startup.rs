//! What opening reads: little of a large file.

use std::fs;

use super::Folder;
use super::folder::close;
use crate::log::durable::{DurableLog, IndexedState};

/// The pages of everything that opening must not read: all of the events' index by number, and the tables except for
/// the way to their newest rows.
const UNREAD: &str = "
    SELECT pageno FROM dbstat WHERE name IN ('events_by_number', 'events_by_type', 'sqlite_autoindex_rooms_1')
        AND pagetype = 'leaf' AND path <> (SELECT min(path) FROM dbstat AS other WHERE other.name = dbstat.name AND pagetype = 'leaf')
    UNION ALL
    SELECT pageno FROM dbstat WHERE name IN ('events', 'rooms') AND pagetype = 'leaf'
        AND path <> (SELECT max(path) FROM dbstat AS other WHERE other.name = dbstat.name AND pagetype = 'leaf')";

#[test]
fn opening_and_the_index_read_no_events_and_no_other_rooms() {
    let folder = Folder::new();
    folder.create();
    let connection = folder.connection();
    connection
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO rooms (name, epoch, created, creator, deleted, config)
             SELECT 'room-' || i, printf('%016d', i), i % 500 = 0, 'server', i % 500 = 1, hex(zeroblob(200)) FROM n;
             INSERT INTO types (name, bytes, events) VALUES ('line', 4000000, 20000);
             WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
             INSERT INTO events (room, type, seq, at, sender, body)
             SELECT 1 + i % 2000, 1, 1 + i / 2000, i, 'ada', hex(zeroblob(100)) FROM n;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    let pages: Vec<usize> = {
        let mut statement = connection.prepare(UNREAD).unwrap();
        let pages = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        pages.map(|page| usize::try_from(page.unwrap()).unwrap()).collect()
    };
    drop(connection);
    let mut file = fs::read(folder.file()).unwrap();
    assert!(
        pages.len() * 4096 > file.len() * 9 / 10,
        "{} of {}",
        pages.len() * 4096,
        file.len()
    );
    for page in pages {
        file[(page - 1) * 4096..page * 4096].fill(0xa5);
    }
    fs::write(folder.file(), file).unwrap();
    let log = folder.open().unwrap();
    let index = log.index().unwrap();
    let ids: Vec<_> = index.iter().map(|room| room.id.to_string()).collect();
    let expected = ["1", "500", "501", "1000", "1001", "1500", "1501", "2000"].map(|number| format!("room-{number}"));
    assert_eq!(ids, expected);
    assert_eq!(
        index.iter().filter(|room| room.state == IndexedState::Deleted).count(),
        4
    );
    close(log);
}
