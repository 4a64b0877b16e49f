//! How a response that goes on for long ends the connection under it, when the one at the other end does not read.

use tokio_util::sync::CancellationToken;

/// Ends an HTTP connection at once. Put into each request by the serve loop; a server that the router is mounted in does
/// not.
#[derive(Debug, Clone, Default)]
pub(crate) struct HangUp(CancellationToken);

impl HangUp {
    /// Ends the connection.
    #[cfg(feature = "inspector")]
    pub(crate) fn call(&self) {
        self.0.cancel();
    }

    /// Waits for that.
    pub(crate) async fn heard(&self) {
        self.0.cancelled().await;
    }
}
