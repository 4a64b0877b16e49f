//! What a server says about itself: its identity, its role, and whether it belongs to a cluster. Pure.

use std::sync::Arc;

use super::error::RedisError;

/// The oldest version of Redis that has all that the scripts and the feeds need.
const OLDEST: u32 = 7;

/// What `INFO server replication memory` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// `run_id/master_replid2`. The first part changes when the process starts, the second when it is promoted. Another
    /// identity means that events may be lost.
    pub(super) identity: Arc<str>,
    /// Whether it is a primary.
    pub(super) is_primary: bool,
    /// Whether it belongs to a Redis Cluster.
    pub(super) is_cluster: bool,
    /// The version of Redis that it is compatible with, such as `7.0.15`.
    pub(super) version: Arc<str>,
    /// What it may remove when its memory is full. Read when the connection is opened. `None` if the server does not say it.
    pub(super) eviction: Option<Eviction>,
}

/// `maxmemory` and `maxmemory-policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Eviction {
    /// 0 is no limit: then nothing is removed.
    pub(super) max_memory: u64,
    pub(super) policy: Arc<str>,
}

impl ServerInfo {
    /// `None` if something is missing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim_end)
                .filter(|value| !value.is_empty())
        };
        let identity = format!("{}/{}", field("run_id")?, field("master_replid2")?);
        // The identity is a word in what the scripts store.
        if identity.contains(char::is_whitespace) {
            return None;
        }
        let eviction = field("maxmemory_policy").and_then(|policy| {
            Some(Eviction {
                max_memory: field("maxmemory")?.parse().ok()?,
                policy: policy.into(),
            })
        });
        Some(Self {
            identity: identity.into(),
            is_primary: field("role")? == "master",
            is_cluster: field("redis_mode")? == "cluster",
            version: field("redis_version")?.into(),
            eviction,
        })
    }

    /// Why this server cannot be used until an operator changes it.
    pub(super) fn check(&self, allows_eviction: bool) -> Result<(), RedisError> {
        let version = self
            .version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        if version.is_some_and(|version| version < OLDEST) {
            let version = self.version.to_string();
            return Err(RedisError::TooOld { version });
        }
        match &self.eviction {
            Some(Eviction {
                max_memory: 1..,
                policy,
            }) if !allows_eviction && &**policy != "noeviction" => {
                let policy = policy.to_string();
                Err(RedisError::MayEvict { policy })
            }
            _ => Ok(()),
        }
    }

    /// Whether calls and feeds may use a connection to this server. A replica of one server does not write, and need not
    /// receive messages. In a cluster, each server says where to go.
    pub(super) fn usable(&self) -> Result<(), &'static str> {
        match self.is_primary || self.is_cluster {
            true => Ok(()),
            false => Err("the server is a replica: give the address of the primary"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:ab\r\n\r\n# Replication\r\n\
                        role:master\r\nmaster_replid:cd\r\nmaster_replid2:00\r\n\
                        # Memory\r\nmaxmemory:100\r\nmaxmemory_human:100B\r\nmaxmemory_policy:noeviction\r\n";

    #[test]
    fn reads_identity_role_and_mode() {
        let info = ServerInfo::parse(TEXT).unwrap();
        assert_eq!(&*info.identity, "ab/00");
        assert!(info.is_primary && !info.is_cluster);
        let info = ServerInfo::parse(&TEXT.replace("master\r", "slave\r").replace("standalone", "cluster")).unwrap();
        assert!(!info.is_primary && info.is_cluster);
    }

    #[test]
    fn a_missing_field_is_no_identity() {
        for name in ["run_id", "role", "redis_mode", "master_replid2", "redis_version"] {
            assert_eq!(ServerInfo::parse(&TEXT.replace(name, "x")), None, "{name}");
        }
        assert_eq!(ServerInfo::parse(&TEXT.replace(":ab", ":a b")), None);
        assert_eq!(ServerInfo::parse(&TEXT.replace(":ab", ":")), None);
    }

    #[test]
    fn an_old_server_and_one_that_may_remove_events_are_unfit() {
        let unfit = |from: &str, to: &str| ServerInfo::parse(&TEXT.replace(from, to)).unwrap().check(false).err();
        assert!(unfit("", "").is_none());
        let reason = unfit("7.0.15", "6.2.1").unwrap().to_string();
        assert!(reason.contains("6.2.1"), "{reason}");
        for version in ["8.4.0", "10.0", "255.255.255", "unstable"] {
            assert!(unfit("7.0.15", version).is_none());
        }
        for policy in ["allkeys-lru", "volatile-ttl"] {
            let reason = unfit("noeviction", policy).unwrap().to_string();
            assert!(reason.contains(policy), "{reason}");
            let unlimited = TEXT
                .replace("noeviction", policy)
                .replace("maxmemory:100", "maxmemory:0");
            assert!(ServerInfo::parse(&unlimited).unwrap().check(false).is_ok());
            let limited = TEXT.replace("noeviction", policy);
            assert!(ServerInfo::parse(&limited).unwrap().check(true).is_ok());
        }
        // The server does not say it.
        assert!(unfit("maxmemory_policy", "x").is_none());
    }

    #[test]
    fn a_replica_is_used_only_in_a_cluster() {
        let replica = TEXT.replace("master\r", "slave\r");
        assert!(ServerInfo::parse(&replica).unwrap().usable().is_err());
        let cluster = replica.replace("standalone", "cluster");
        assert!(ServerInfo::parse(&cluster).unwrap().usable().is_ok());
        assert!(ServerInfo::parse(TEXT).unwrap().usable().is_ok());
    }
}
