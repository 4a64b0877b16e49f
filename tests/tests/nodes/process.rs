//! A process that ends with the test, also after a panic.

use std::process::{Child, Command};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::PATIENCE;

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let started = command.spawn();
        Self(started.unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program())))
    }

    /// The process with its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Sends SIGKILL, which no program can handle, and waits for the end.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        self.0.wait().expect("it has ended");
    }

    /// SIGSTOP: the process does nothing more, and its connections stay open.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// SIGTERM: waits for the end of the process, which must be a success.
    pub(crate) async fn stop(&mut self) {
        self.signal("-TERM");
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a process") {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < limit, "the process does not end");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
