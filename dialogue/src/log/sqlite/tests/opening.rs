//! Which files open, and which errors the others give.

use std::fs;

use super::Folder;
use super::folder::close;
use crate::log::durable::DurableLog;
use crate::log::sqlite::schema::FORMAT;
use crate::log::sqlite::{Sqlite, SqliteError};

/// A small file of another program, with content.
fn foreign(folder: &Folder) {
    let connection = folder.connection();
    connection
        .execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')")
        .unwrap();
}

#[test]
fn creates_a_file_that_only_its_user_reads() {
    let folder = Folder::new();
    folder.create();
    let header = fs::read(folder.file()).unwrap();
    assert_eq!(&header[..15], b"SQLite format 3");
    assert_eq!(&header[68..72], b"Dial");
    #[cfg(unix)]
    for name in folder.names() {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[test]
fn an_empty_file_becomes_a_new_one() {
    let folder = Folder::new();
    fs::write(folder.file(), "").unwrap();
    folder.create();
    assert!(fs::metadata(folder.file()).unwrap().len() > 0);
}

#[test]
fn a_file_whose_creation_was_interrupted_becomes_a_new_one() {
    let folder = Folder::new();
    // What a crash leaves: a rollback journal that makes the file empty again.
    let connection = folder.connection();
    connection
        .execute_batch("PRAGMA journal_mode = PERSIST; BEGIN; CREATE TABLE a (b); ROLLBACK")
        .unwrap();
    drop(connection);
    folder.create();
}

#[test]
fn a_file_opens_again_and_keeps_its_epochs() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let epoch = log.first_epoch("lobby");
    close(log);
    let opened = folder.open().unwrap();
    assert_eq!(opened.first_epoch("lobby"), epoch);
    assert_ne!(opened.first_epoch("other"), epoch);
    assert_eq!(opened.run().run, 2);
    assert_eq!(opened.run().oldest, 1);
}

#[test]
fn refuses_a_file_that_is_in_use_under_any_of_its_names() {
    let folder = Folder::new();
    let opened = folder.open().unwrap();
    assert!(matches!(folder.open(), Err(SqliteError::InUse { .. })));
    let again = folder
        .path()
        .join("../")
        .join(folder.path().file_name().unwrap())
        .join("desk.db");
    assert!(matches!(Sqlite::open(again).start(1), Err(SqliteError::InUse { .. })));
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(folder.file(), &link).unwrap();
        assert!(matches!(Sqlite::open(link).start(1), Err(SqliteError::InUse { .. })));
    }
    assert!(matches!(
        Sqlite::new_generation(folder.file()),
        Err(SqliteError::InUse { .. })
    ));
    close(opened);
    folder.create();
}

#[cfg(target_os = "linux")]
#[test]
fn refuses_a_file_in_use_even_if_its_lock_is_another_file() {
    let folder = Folder::new();
    let opened = folder.open().unwrap();
    // As if the file alone were mounted in two folders: each has its own lock.
    fs::remove_file(folder.path().join("desk.db-lock")).unwrap();
    assert!(matches!(folder.open(), Err(SqliteError::InUse { .. })));
    assert!(matches!(
        Sqlite::new_generation(folder.file()),
        Err(SqliteError::InUse { .. })
    ));
    close(opened);
    folder.create();
}

#[test]
fn refuses_a_newer_format_and_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    folder.create();
    folder
        .connection()
        .pragma_update(None, "user_version", FORMAT + 1)
        .unwrap();
    let before = fs::read(folder.file()).unwrap();
    let error = folder.open().unwrap_err();
    assert!(
        matches!(error, SqliteError::NewerVersion { found, supported, .. } if found == FORMAT + 1 && supported == FORMAT)
    );
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[test]
fn refuses_the_files_of_other_programs_and_leaves_them_as_they_were() {
    type Make = fn(&Folder);
    let makes: [Make; 7] = [
        |folder| fs::write(folder.file(), "a text").unwrap(),
        |folder| fs::write(folder.file(), "a text. ".repeat(1000)).unwrap(),
        |folder| fs::write(folder.file(), [0; 8192]).unwrap(),
        |folder| fs::write(folder.file(), "SQLite format 3").unwrap(),
        foreign,
        |folder| folder.connection().pragma_update(None, "user_version", 7).unwrap(),
        |folder| folder.connection().pragma_update(None, "application_id", 7).unwrap(),
    ];
    for (index, make) in makes.iter().enumerate() {
        let folder = Folder::new();
        make(&folder);
        let before = fs::read(folder.file()).unwrap();
        let error = folder.open().unwrap_err();
        assert!(matches!(error, SqliteError::NotADatabase { .. }), "{index}: {error}");
        assert!(matches!(
            Sqlite::new_generation(folder.file()),
            Err(SqliteError::NotADatabase { .. })
        ));
        assert_eq!(fs::read(folder.file()).unwrap(), before, "{index}");
        assert_eq!(folder.names(), ["desk.db", "desk.db-lock"], "{index}");
    }
}

#[test]
fn refuses_a_foreign_database_whose_content_is_only_in_its_write_ahead_log() {
    let folder = Folder::new();
    let connection = folder.connection();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    connection.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert!(matches!(folder.open(), Err(SqliteError::NotADatabase { .. })));
    let notes: i64 = connection
        .query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(notes, 0);
}

#[test]
fn a_damaged_file_is_reported_with_what_to_do() {
    let folder = Folder::new();
    folder.create();
    let healthy = fs::read(folder.file()).unwrap();
    let mut zeroed = healthy.clone();
    zeroed[100..4096].fill(0);
    let mut noise = healthy.clone();
    noise[4096..].fill(0xa5);
    for (index, damaged) in [&healthy[..healthy.len() / 2], &healthy[..4096], &zeroed, &noise]
        .into_iter()
        .enumerate()
    {
        fs::write(folder.file(), damaged).unwrap();
        let error = folder.open().unwrap_err();
        assert!(matches!(error, SqliteError::Corrupt { .. }), "{index}: {error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert_eq!(fs::read(folder.file()).unwrap(), damaged, "{index}");
    }
}

#[test]
fn a_file_with_a_damaged_beginning_is_not_taken_for_a_foreign_one() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let mut remains = folder.remains();
    close(log);
    remains.file[..100].fill(0xa5);
    folder.restore(&remains);
    let error = folder.open().unwrap_err();
    assert!(matches!(error, SqliteError::Corrupt { .. }), "{error}");
    // After a clean end, nothing shows whose it was.
    fs::remove_file(folder.path().join("desk.db-wal")).unwrap();
    let error = folder.open().unwrap_err();
    assert!(error.to_string().contains("restore a backup"), "{error}");
}

#[test]
fn a_file_that_does_not_open_leaves_other_files_as_they_were() {
    let folder = Folder::new();
    folder.create();
    fs::create_dir(folder.path().join("desk.db-wal")).unwrap();
    fs::write(folder.path().join("desk.db-probe"), "mine").unwrap();
    folder.open().unwrap_err();
    assert_eq!(fs::read(folder.path().join("desk.db-probe")).unwrap(), b"mine");
    assert_eq!(
        folder.names(),
        ["desk.db", "desk.db-lock", "desk.db-probe", "desk.db-wal"]
    );
}

#[test]
fn a_file_that_ends_within_its_header_is_refused() {
    let folder = Folder::new();
    folder.create();
    let healthy = fs::read(folder.file()).unwrap();
    for length in [1, 15, 16, 99, 100, 511, 512, 4095] {
        fs::write(folder.file(), &healthy[..length]).unwrap();
        let error = folder.open().unwrap_err();
        assert!(
            matches!(error, SqliteError::Corrupt { .. } | SqliteError::NotADatabase { .. }),
            "{length}: {error}"
        );
        assert_eq!(fs::read(folder.file()).unwrap(), &healthy[..length], "{length}");
    }
}

#[test]
fn a_file_without_its_row_about_itself_is_damaged() {
    let folder = Folder::new();
    folder.create();
    folder.connection().execute("DELETE FROM meta", []).unwrap();
    assert!(matches!(folder.open(), Err(SqliteError::Corrupt { .. })));
    assert!(matches!(
        Sqlite::new_generation(folder.file()),
        Err(SqliteError::Corrupt { .. })
    ));
}

#[test]
fn refuses_what_is_not_a_file() {
    let folder = Folder::new();
    let open = |path: &std::path::Path| Sqlite::open(path).start(1).unwrap_err();
    assert!(matches!(open(folder.path()), SqliteError::NotAFile { .. }));
    assert!(matches!(open("".as_ref()), SqliteError::NotAFile { .. }));
    assert!(matches!(open("..".as_ref()), SqliteError::NotAFile { .. }));
    #[cfg(unix)]
    assert!(matches!(open("/dev/null".as_ref()), SqliteError::NotAFile { .. }));
    assert!(folder.names().is_empty());
}

#[test]
fn names_the_folder_that_does_not_exist() {
    let folder = Folder::new();
    let missing = folder.path().join("data").join("desk.db");
    let error = Sqlite::open(&missing).start(1).unwrap_err();
    assert!(matches!(&error, SqliteError::NoFolder { folder } if *folder == *missing.parent().unwrap()));
    fs::write(folder.path().join("data"), "").unwrap();
    let error = Sqlite::open(&missing).start(1).unwrap_err();
    assert!(!matches!(error, SqliteError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_new_generation_needs_a_file() {
    let folder = Folder::new();
    assert!(matches!(
        Sqlite::new_generation(folder.file()),
        Err(SqliteError::Io { .. })
    ));
    assert!(folder.names().is_empty());
    fs::write(folder.file(), "").unwrap();
    assert!(matches!(
        Sqlite::new_generation(folder.file()),
        Err(SqliteError::NotADatabase { .. })
    ));
}

#[cfg(unix)]
#[test]
fn refuses_a_file_with_several_names() {
    let folder = Folder::new();
    folder.create();
    fs::hard_link(folder.file(), folder.path().join("backup.db")).unwrap();
    assert!(matches!(folder.open(), Err(SqliteError::SeveralNames { .. })));
}

#[test]
fn waits_for_no_program_that_only_reads() {
    let folder = Folder::new();
    folder.create();
    let reader = folder.connection();
    reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
    let _rows: i64 = reader
        .query_row("SELECT count(*) FROM meta", [], |row| row.get(0))
        .unwrap();
    folder.create();
}

#[test]
fn a_path_with_special_characters_works() {
    let folder = Folder::new();
    for name in [
        "a b.db",
        "50%.db",
        "what?.db",
        "a#b.db",
        ":memory:",
        "file:x.db",
        "schön.db",
    ] {
        let path = folder.path().join(name);
        let log = Sqlite::open(&path).start(1).unwrap();
        let epoch = log.first_epoch("a");
        assert!(path.exists(), "{name}");
        close(log);
        let log = Sqlite::open(&path).start(1).unwrap();
        assert_eq!(log.first_epoch("a"), epoch, "{name}");
    }
}
