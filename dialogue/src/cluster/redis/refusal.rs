//! What an error of Redis means for a call. Pure.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::address::Address;
use super::calls::CallError;

/// What to do about an error of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Redis does not know the script, and has done nothing: send its text.
    UnknownScript,
    /// Another server has the slot, and this one has done nothing. The host may be empty: it is this server's.
    Moved(Address),
    /// Another server has this key while the slot moves, and this one has done nothing: ask there, with `ASKING`.
    Ask(Address),
    /// This server does not write: it is no primary any more. It has done nothing.
    NotPrimary(CallError),
    /// Final for this call.
    Final(CallError),
}

/// Codes of errors that Redis answers before a script changes anything. Our scripts do all of their checks before their first
/// write, and the first write fails if Redis does not write.
const REFUSED: [&str; 13] = [
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "LOADING",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "MASTERDOWN",
    "READONLY",
    "NOAUTH",
    "UNBLOCKED",
    "NOPROTO",
];

impl Refusal {
    pub(super) fn of(error: &RedisError) -> Self {
        let text = text(error);
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => Self::UnknownScript,
            ErrorKind::Server(kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask)) => {
                let address = error
                    .redirect_node()
                    .and_then(|(address, _)| Address::from_redirect(address));
                match address {
                    Some(address) if kind == ServerErrorKind::Ask => Self::Ask(address),
                    Some(address) => Self::Moved(address),
                    None => Self::Final(CallError::Refused(text)),
                }
            }
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::NotPrimary(CallError::Refused(text)),
            _ if error.code().is_some_and(|code| REFUSED.contains(&code)) => Self::Final(CallError::Refused(text)),
            _ => Self::Final(CallError::Failed(text)),
        }
    }
}

/// An error of Redis as Redis writes it: the code first.
pub(super) fn text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Refusal {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Refusal::of(&value.extract_error().unwrap_err())
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn tells_what_changed_nothing_from_what_may_have_changed_something() {
        for line in [
            "OOM command not allowed when used memory > 'maxmemory'. script: ab, on @user_script:1.",
            "MISCONF Redis is configured to save RDB snapshots",
            "NOREPLICAS Not enough good replicas to write.",
            "BUSY Redis is busy running a script.",
            "LOADING Redis is loading the dataset in memory",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down",
            "NOAUTH Authentication required.",
        ] {
            assert_eq!(of(line), Refusal::Final(CallError::Refused(line.to_owned())));
        }
        for line in [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "FOREIGN {dialogue:1}:m:a",
            "NOPERM this user has no permissions to access one of the keys",
            "ERR can't publish to the channel",
        ] {
            assert_eq!(of(line), Refusal::Final(CallError::Failed(line.to_owned())));
        }
        let line = "READONLY You can't write against a read only replica.";
        assert_eq!(of(line), Refusal::NotPrimary(CallError::Refused(line.to_owned())));
    }

    #[test]
    fn reads_where_to_go() {
        assert_eq!(of("NOSCRIPT No matching script."), Refusal::UnknownScript);
        assert_eq!(of("MOVED 3999 127.0.0.1:6381"), Refusal::Moved(tcp("127.0.0.1", 6381)));
        assert_eq!(of("ASK 3999 ::1:6381"), Refusal::Ask(tcp("::1", 6381)));
        assert_eq!(of("MOVED 3999 :6381"), Refusal::Moved(tcp("", 6381)));
        assert!(matches!(of("MOVED 3999"), Refusal::Final(CallError::Refused(_))));
    }
}
