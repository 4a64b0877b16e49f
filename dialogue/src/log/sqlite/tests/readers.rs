//! The pool of connections that read.

use std::sync::{Arc, mpsc};

use tokio::task::yield_now;

use super::Folder;
use crate::log::durable::{DurableLog, StoreFailure};
use crate::log::sqlite::location::Location;
use crate::log::sqlite::readers::Readers;
use crate::log::sqlite::watched::Watched;

fn readers(folder: &Folder) -> Readers {
    folder.create();
    let Location { path, lock } = Location::lock(&folder.file(), false).unwrap();
    let watched = Watched::new(&path);
    Readers::new(path, Arc::new(lock), Arc::new(watched))
}

#[tokio::test]
async fn a_slow_read_does_not_stop_the_runtime_and_no_more_than_four_run() {
    let folder = Folder::new();
    let readers = readers(&folder);
    let (started, starts) = mpsc::channel();
    let mut ends = Vec::new();
    let mut answers = Vec::new();
    for number in 0..6 {
        let (end, ended) = mpsc::channel::<()>();
        ends.push(end);
        let started = started.clone();
        let answer = readers.read(move |_| {
            started.send(number).unwrap();
            ended.recv().unwrap_err();
            Ok(number)
        });
        answers.push(tokio::spawn(answer));
    }
    let mut running = Vec::new();
    while running.len() < 4 {
        running.extend(starts.try_iter());
        yield_now().await;
    }
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(starts.try_iter().count(), 0, "{running:?} run");
    drop(ends);
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Ok(number));
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_dropped_gives_its_connection_back() {
    let folder = Folder::new();
    let readers = readers(&folder);
    for _ in 0..20 {
        let mut answer = readers.read(|_| Ok(()));
        let _begun = futures_util::poll!(&mut answer);
    }
    assert_eq!(readers.read(|_| Ok(7)).await, Ok(7));
    readers.close().await;
}

#[tokio::test]
async fn a_read_that_panics_or_fails_costs_only_its_own_connection() {
    let folder = Folder::new();
    let readers = readers(&folder);
    for _ in 0..5 {
        let panicked = readers
            .read(|_| -> rusqlite::Result<()> { panic!("a panic in a test") })
            .await;
        assert!(matches!(panicked, Err(StoreFailure::Failed { .. })));
        let failed = readers.read(|connection| connection.execute("nonsense", [])).await;
        assert!(matches!(failed, Err(StoreFailure::Failed { .. })));
    }
    assert_eq!(readers.read(|_| Ok(7)).await, Ok(7));
}

#[tokio::test]
async fn closing_waits_for_reads_and_refuses_later_ones() {
    let folder = Folder::new();
    let readers = readers(&folder);
    let (end, ended) = mpsc::channel::<()>();
    let (started, starts) = tokio::sync::oneshot::channel();
    let slow = tokio::spawn(readers.read(move |_| {
        started.send(()).unwrap();
        ended.recv().unwrap_err();
        Ok(())
    }));
    starts.await.unwrap();
    let mut closing = Box::pin(readers.close());
    assert!(futures_util::poll!(&mut closing).is_pending());
    assert_eq!(readers.read(|_| Ok(())).await, Err(StoreFailure::Closed));
    drop(end);
    closing.await;
    assert_eq!(slow.await.unwrap(), Ok(()));
    assert_eq!(readers.read(|_| Ok(())).await, Err(StoreFailure::Closed));
    assert_eq!(folder.names(), ["desk.db", "desk.db-lock"]);
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = Folder::new();
    let written = readers(&folder)
        .read(|connection| connection.execute("DELETE FROM meta", []))
        .await;
    assert_eq!(written, Err(StoreFailure::ReadOnly));
}

#[test]
fn a_read_outside_of_a_runtime_runs_where_it_is_polled() {
    use futures_util::FutureExt;
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let room = log.room(&"lobby".into()).now_or_never().unwrap().unwrap();
    assert_eq!(room.key.epoch, log.first_epoch("lobby"));
}
