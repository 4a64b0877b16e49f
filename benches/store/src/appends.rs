//! The store alone: from an append to its outcome, without a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dialogue::sqlite::{Durability, Sqlite, StoreAppender, StoreFaults};
use serde_json::{Value, json};

use crate::Outcome;
use crate::file::{check, check_file, new_file};
use crate::subject::{Subject, TEXT, Way};

pub(crate) struct Appends {
    path: PathBuf,
    appender: StoreAppender,
    faults: StoreFaults,
    data: Value,
}

impl Appends {
    pub(crate) fn open(folder: &Path, durability: Durability) -> Outcome<Self> {
        let (faults, path) = (StoreFaults::new(), new_file(folder)?);
        let sqlite = Sqlite::open(&path).durability(durability).with_faults(&faults);
        Ok(Self {
            appender: StoreAppender::open(sqlite)?,
            path,
            faults,
            data: json!({ "text": TEXT }),
        })
    }
}

impl Subject for Appends {
    fn one_at_a_time(&mut self, events: usize) -> Outcome<Vec<Duration>> {
        let mut times = Vec::with_capacity(events);
        for _ in 0..events {
            let began = Instant::now();
            let stored = self.appender.run(1, 1, &self.data);
            times.push(began.elapsed());
            check(stored, 1)?;
        }
        Ok(times)
    }

    fn in_flight(&mut self, in_flight: usize, events: usize) -> Outcome<()> {
        check(self.appender.run(in_flight, events, &self.data), events)
    }

    fn committed(&self) -> (u64, u64) {
        self.faults.committed()
    }

    fn close(self: Box<Self>, events: usize) -> Outcome<u64> {
        self.appender.close();
        check_file(&self.path, events, Way::Appends.rows())
    }
}
