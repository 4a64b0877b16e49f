//! Why the settings of Redis cannot be used.

use std::sync::Arc;

/// Why the settings of [`Redis`](super::settings::Redis) cannot be used. Nothing was connected.
///
/// An address that does not answer, a wrong password or an unsuitable server are no such errors: the server connects later,
/// and again and again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The URL is not one of a Redis server.
    #[error("`{url}` is not the URL of a Redis server: {reason}")]
    #[non_exhaustive]
    InvalidUrl {
        /// The URL without its password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No URL was given.
    #[error("no URL of a Redis server was given")]
    NoUrl,
    /// The URLs of a cluster's servers differ in more than host and port.
    #[error("the URLs of one cluster must have the same scheme, user, password and database")]
    DifferentUrls,
    /// A Redis Cluster has only the database 0.
    #[error("a Redis Cluster has only database 0, not {database}")]
    #[non_exhaustive]
    ClusterDatabase {
        /// The database of the URL or of the settings.
        database: i64,
    },
    /// The key prefix or the number of partitions cannot be used.
    #[error("{reason}")]
    #[non_exhaustive]
    InvalidKeys {
        /// What is wrong.
        reason: String,
    },
    /// A certificate cannot be read.
    #[error("a certificate to trust is neither PEM nor DER")]
    #[non_exhaustive]
    InvalidCertificate {
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
