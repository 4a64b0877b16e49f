//! What a server says about itself: its identity, its role, and whether it belongs to a cluster. Pure.

use std::sync::Arc;

/// What `INFO server replication` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// `run_id/master_replid2`. The first part changes when the process starts, the second when it is promoted. Another
    /// identity means that events may be lost.
    pub(super) identity: Arc<str>,
    /// Whether it is a primary.
    pub(super) is_primary: bool,
    /// Whether it belongs to a Redis Cluster.
    pub(super) is_cluster: bool,
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
        Some(Self {
            identity: identity.into(),
            is_primary: field("role")? == "master",
            is_cluster: field("redis_mode")? == "cluster",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:ab\r\n\r\n# Replication\r\n\
                        role:master\r\nmaster_replid:cd\r\nmaster_replid2:00\r\n";

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
        for name in ["run_id", "role", "redis_mode", "master_replid2"] {
            assert_eq!(ServerInfo::parse(&TEXT.replace(name, "x")), None, "{name}");
        }
        assert_eq!(ServerInfo::parse(&TEXT.replace(":ab", ":a b")), None);
        assert_eq!(ServerInfo::parse(&TEXT.replace(":ab", ":")), None);
    }
}
