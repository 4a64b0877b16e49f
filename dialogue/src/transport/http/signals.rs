//! The signals that stop a server.

use std::io;

/// A signal that stops a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum StopSignal {
    /// SIGTERM, with which an orchestrator or a service manager stops a program.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

/// Where the signals come from.
pub(in crate::transport) trait StopSignals: Send {
    /// Waits for the next signal.
    fn next(&mut self) -> impl Future<Output = StopSignal> + Send;
}

/// The signals of this process.
pub(super) struct ProcessSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl ProcessSignals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }
}

impl StopSignals for ProcessSignals {
    #[cfg(unix)]
    async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> StopSignal {
        let _ = tokio::signal::ctrl_c().await;
        StopSignal::Interrupt
    }
}
