//! Why the settings of Redis cannot be used.

use std::sync::Arc;

/// Why the settings of [`Redis`](super::settings::Redis), or the Redis that they name, cannot be used.
///
/// An address that does not answer and a wrong password are no such errors: the server tries again and again.
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
    /// The server of Redis is too old.
    #[error("Redis {version} is too old: use version 7 or later")]
    #[non_exhaustive]
    TooOld {
        /// Its version.
        version: String,
    },
    /// Redis may delete data when its memory is full.
    #[error(
        "`maxmemory-policy` of Redis is `{policy}`, so Redis may delete data of rooms: set it to `noeviction`, or call \
         `Redis::allow_eviction`"
    )]
    #[non_exhaustive]
    MayEvict {
        /// The policy.
        policy: String,
    },
    /// The user of Redis lacks a right.
    #[error("the user of Redis lacks a right: {reason}; docs/cluster.md lists the rights that it needs")]
    #[non_exhaustive]
    NotPermitted {
        /// What Redis says.
        reason: String,
    },
    /// Another version of Dialogue has written the data.
    #[error(
        "the data of prefix `{prefix}` has format {found}, and this version of Dialogue needs {needed}: use a fitting \
         version, or another `Redis::prefix`"
    )]
    #[non_exhaustive]
    OtherFormat {
        /// The prefix of the keys.
        prefix: String,
        /// The format of the data.
        found: u64,
        /// The format that this version needs.
        needed: u64,
    },
    /// A certificate cannot be read.
    #[error("a certificate to trust is neither PEM nor DER")]
    #[non_exhaustive]
    InvalidCertificate {
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
