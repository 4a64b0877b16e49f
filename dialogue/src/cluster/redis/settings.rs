//! The settings of the connection to Redis: the public builder. Connects to nothing.

use std::sync::Arc;
use std::time::Duration;

use super::address::{Address, Login, Url};
use super::error::RedisError;
use super::keys;
use super::tls::{Roots, roots};

/// Redis, which several servers of one application share. Give it to [`Builder::cluster`](crate::Builder::cluster).
///
/// `connect` only records the settings. The server connects in the background, and again after each lost connection.
/// Redis must be version 7 or later.
///
/// ```
/// # use dialogue::redis::Redis;
/// let redis = Redis::connect("rediss://desk:secret@redis.example.org").prefix("desk");
/// ```
#[derive(Clone)]
#[must_use = "give it to `Builder::cluster`"]
pub struct Redis {
    urls: Vec<String>,
    cluster: bool,
    prefix: String,
    partitions: u16,
    user: Option<(Option<String>, String)>,
    database: Option<i64>,
    roots: Vec<Vec<u8>>,
    allow_eviction: bool,
    timing: Timing,
}

impl Redis {
    /// Uses the server with this URL: `redis://[user][:password]@host[:port][/database]`, `rediss://…` with TLS, or
    /// `unix:///path?db=0&user=…&pass=…`.
    ///
    /// If the server belongs to a Redis Cluster, Dialogue notices it and finds the other servers.
    pub fn connect(url: impl Into<String>) -> Self {
        Self::new(vec![url.into()], false)
    }

    /// Uses a Redis Cluster. Any of these servers that answers names the others, so give some of them.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self::new(urls.into_iter().map(Into::into).collect(), true)
    }

    fn new(urls: Vec<String>, cluster: bool) -> Self {
        Self {
            urls,
            cluster,
            prefix: "dialogue".to_owned(),
            partitions: 256,
            user: None,
            database: None,
            roots: Vec::new(),
            allow_eviction: false,
            timing: Timing::default(),
        }
    }

    /// How all keys and channels begin: `{prefix:…`. Applications that share a Redis need different prefixes. It must not
    /// contain braces or spaces. The default is `dialogue`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Into how many parts the rooms are divided, at most 16,384. The first server that uses the prefix decides: later
    /// ones take the number that Redis has stored. The default is 256.
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = partitions;
        self
    }

    /// Signs in as this user of Redis (ACL), instead of the user in the URL.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((Some(user.into()), password.into()));
        self
    }

    /// Signs in as the default user with this password, instead of the login in the URL.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.user = Some((None, password.into()));
        self
    }

    /// Uses this database instead of the one in the URL. A Redis Cluster has only database 0, the default.
    pub fn database(mut self, number: u16) -> Self {
        self.database = Some(number.into());
        self
    }

    /// Trusts these certificates for `rediss://` in addition to the system's: any number in PEM, or one in DER.
    pub fn trust(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.roots.push(certificates.into());
        self
    }

    /// Accepts a Redis whose `maxmemory-policy` is not `noeviction`. By default, the server does not start with it.
    ///
    /// Such a Redis may delete the data of a room when its memory is full. Clients are then told that events are missing,
    /// and a created room can be lost. The setting is for a Redis that you cannot configure, with enough memory.
    pub fn allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    #[cfg(test)]
    pub(super) fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Checks the settings.
    pub(super) fn check(self) -> Result<Settings, RedisError> {
        let urls = self
            .urls
            .iter()
            .map(|url| Url::parse(url))
            .collect::<Result<Vec<_>, _>>()?;
        let first = urls.first().ok_or(RedisError::NoUrl)?.clone();
        if urls
            .iter()
            .any(|url| (url.secure, &url.login) != (first.secure, &first.login))
        {
            return Err(RedisError::DifferentUrls);
        }
        let mut login = first.login;
        if let Some((user, password)) = self.user {
            login.user = user;
            login.password = Some(password);
        }
        login.database = self.database.unwrap_or(login.database);
        if self.cluster && login.database != 0 {
            return Err(RedisError::ClusterDatabase {
                database: login.database,
            });
        }
        keys::Keys::new(&self.prefix, login.database, self.partitions).map_err(|error| RedisError::InvalidKeys {
            reason: error.to_string(),
        })?;
        Ok(Settings {
            addresses: urls.into_iter().map(|url| url.address).collect(),
            cluster: self.cluster,
            prefix: self.prefix.into(),
            partitions: self.partitions,
            login,
            allow_eviction: self.allow_eviction,
            roots: first.secure.then(|| roots(&self.roots)).transpose()?,
            timing: self.timing,
        })
    }
}

/// Without passwords, which URLs may have.
impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// The settings, checked.
#[derive(Debug)]
pub(super) struct Settings {
    /// At least one.
    pub(super) addresses: Vec<Address>,
    /// Whether it must be a cluster. Otherwise the server's answer decides.
    pub(super) cluster: bool,
    pub(super) prefix: Arc<str>,
    pub(super) partitions: u16,
    pub(super) login: Login,
    /// Whether Redis may delete data when its memory is full.
    pub(super) allow_eviction: bool,
    /// The certificates to trust, if connections are encrypted.
    pub(super) roots: Option<Roots>,
    pub(super) timing: Timing,
}

/// Times and sizes of connections. Tests use shorter ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// How long opening a connection may take, with TLS, sign-in and the first answers.
    pub(super) connect: Duration,
    /// A connection ends when Redis has owed an answer for so long.
    pub(super) response: Duration,
    /// How long a call waits for a connection. Together with `response` this is below the runtime's limit of 10 s.
    pub(super) queue: Duration,
    /// How often the identity of the server is read. This also shows that it is alive.
    pub(super) identity: Duration,
    /// A feed that received nothing for so long is probed, and ends if it has received nothing after another interval.
    pub(super) probe: Duration,
    /// The longest delay before the first attempt to connect again, and before later ones.
    pub(super) backoff: (Duration, Duration),
    /// How often the change logs of partitions with rooms in use are read, and those of all partitions.
    pub(super) changes: (Duration, Duration),
    /// How much later than the change log the feed may bring a change.
    pub(super) late: Duration,
    /// How often the node says hello, and agrees with the others again.
    pub(super) hello: Duration,
    /// The most calls that wait for a connection, and the most bytes of them.
    pub(super) queue_calls: usize,
    pub(super) queue_bytes: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            response: Duration::from_secs(4),
            queue: Duration::from_secs(4),
            identity: Duration::from_secs(1),
            probe: Duration::from_secs(5),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
            changes: (Duration::from_secs(1), Duration::from_secs(10)),
            late: Duration::from_millis(100),
            hello: Duration::from_secs(30),
            queue_calls: 10_000,
            queue_bytes: 64 * 1024 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_of_the_settings_replaces_the_one_of_the_url() {
        let settings = Redis::connect("redis://a:b@host/1")
            .user("c", "d")
            .database(2)
            .check()
            .unwrap();
        assert_eq!(settings.login.user.as_deref(), Some("c"));
        assert_eq!(settings.login.password.as_deref(), Some("d"));
        assert_eq!(settings.login.database, 2);
        let settings = Redis::connect("redis://a:b@host").password("d").check().unwrap();
        assert_eq!(
            (settings.login.user, settings.login.password),
            (None, Some("d".to_owned()))
        );
    }

    #[test]
    fn refuses_what_cannot_work() {
        let none: [&str; 0] = [];
        assert!(matches!(Redis::cluster(none).check(), Err(RedisError::NoUrl)));
        let different = Redis::cluster(["redis://a", "rediss://b"]).check();
        assert!(matches!(different, Err(RedisError::DifferentUrls)));
        let database = Redis::cluster(["redis://a/1"]).check();
        assert!(matches!(database, Err(RedisError::ClusterDatabase { database: 1 })));
        for redis in [
            Redis::connect("redis://a").prefix("a{b"),
            Redis::connect("redis://a").prefix("a}"),
            Redis::connect("redis://a").prefix(""),
            Redis::connect("redis://a").partitions(0),
        ] {
            assert!(matches!(redis.check(), Err(RedisError::InvalidKeys { .. })));
        }
        let certificate = Redis::connect("rediss://a").trust("no certificate").check();
        assert!(matches!(certificate, Err(RedisError::InvalidCertificate { .. })));
    }

    #[test]
    fn shows_no_password() {
        let redis = Redis::connect("redis://me:secret@host").user("me", "secret");
        assert!(!format!("{redis:?}").contains("secret"));
        assert!(!format!("{:?}", redis.check().unwrap()).contains("secret"));
    }
}
