//! The URL of a Redis server: where it is and who connects. Pure.
//!
//! `redis://[user][:password]@host[:port][/database]`, `rediss://…` with TLS, and `unix:///path?db=1&user=…&pass=…`.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::error::RedisError;

const DEFAULT_PORT: u16 = 6379;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Address {
    /// `host:port` as a server of a cluster names another one. An IPv6 address has no brackets there.
    pub(super) fn from_redirect(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self::Tcp {
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Who connects, and to which database.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("has_password", &self.password.is_some())
            .field("database", &self.database)
            .finish()
    }
}

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) address: Address,
    pub(super) secure: bool,
    pub(super) login: Login,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, RedisError> {
        parse(text).map_err(|reason| RedisError::InvalidUrl {
            url: without_password(text),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Url, &'static str> {
    let (scheme, rest) = text
        .split_once(':')
        .ok_or("it begins with `redis://`, `rediss://` or `unix://`")?;
    match scheme {
        "redis" | "rediss" => {
            let rest = rest.strip_prefix("//").ok_or("two slashes follow the scheme")?;
            parse_tcp(rest, scheme == "rediss")
        }
        "unix" | "redis+unix" => parse_unix(rest.strip_prefix("//").unwrap_or(rest)),
        _ => Err("it begins with `redis://`, `rediss://` or `unix://`"),
    }
}

fn parse_tcp(text: &str, secure: bool) -> Result<Url, &'static str> {
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, path) = text.split_once('/').unwrap_or((text, ""));
    // A password may contain `@` if it is not escaped, a host cannot.
    let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
            (host, rest.strip_prefix(':').unwrap_or(rest))
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = match port {
        "" => DEFAULT_PORT,
        text => text.parse().map_err(|_| "its port is not a number up to 65535")?,
    };
    let mut login = Login {
        user: decoded(user)?,
        password: decoded(password)?,
        database: database(path)?,
    };
    apply_query(&mut login, query)?;
    Ok(Url {
        address: Address::Tcp {
            host: host.to_owned(),
            port,
        },
        secure,
        login,
    })
}

fn parse_unix(text: &str) -> Result<Url, &'static str> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = decoded(path)?.ok_or("it has no path")?;
    let mut login = Login::default();
    apply_query(&mut login, query)?;
    Ok(Url {
        address: Address::Unix(path.into()),
        secure: false,
        login,
    })
}

fn apply_query(login: &mut Login, query: &str) -> Result<(), &'static str> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("db", value) => login.database = database(value)?,
            ("user", value) => login.user = decoded(value)?,
            ("pass", value) => login.password = decoded(value)?,
            // Dialogue speaks RESP3 only.
            ("protocol", "resp3" | "3") => {}
            ("protocol", _) => return Err("Dialogue needs the protocol `resp3`"),
            _ => return Err("it has an unknown parameter: only `db`, `user`, `pass` and `protocol` are known"),
        }
    }
    Ok(())
}

fn database(text: &str) -> Result<i64, &'static str> {
    match text {
        "" => Ok(0),
        text => match text.parse() {
            Ok(number @ 0..) => Ok(number),
            _ => Err("its database is not a number"),
        },
    }
}

/// `None` if it is empty.
fn decoded(text: &str) -> Result<Option<String>, &'static str> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "a part of it is not UTF-8")?;
    Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
}

/// The scheme and what follows the login. The query may have a password.
fn without_password(text: &str) -> String {
    let text = text.split_once('?').map_or(text, |(text, _)| text);
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        (_, None) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn reads_each_part_of_a_url() {
        let url = Url::parse("rediss://me:p%40ss@example.org:7000/3?protocol=resp3").unwrap();
        assert_eq!((url.address, url.secure), (tcp("example.org", 7000), true));
        let login = Login {
            user: Some("me".into()),
            password: Some("p@ss".into()),
            database: 3,
        };
        assert_eq!(url.login, login);
        for (text, address) in [
            ("redis://localhost", tcp("localhost", 6379)),
            ("redis://:x@[::1]:1/", tcp("::1", 1)),
            ("redis://[::1]", tcp("::1", 6379)),
            ("unix:///run/r%20s?db=0", Address::Unix("/run/r s".into())),
            ("unix:/run/r", Address::Unix("/run/r".into())),
        ] {
            assert_eq!(Url::parse(text).unwrap().address, address, "{text}");
        }
        let url = Url::parse("unix:///s?db=2&user=u&pass=%26").unwrap();
        assert_eq!(
            (url.login.user.as_deref(), url.login.password.as_deref()),
            (Some("u"), Some("&"))
        );
        assert_eq!(url.login.database, 2);
    }

    #[test]
    fn an_error_does_not_show_the_password() {
        for text in [
            "redis://me:secret@host:99999",
            "http://me:secret@host",
            "redis://:secret@",
            "me:secret@host",
            "unix:///run/r?pass=secret&x=1",
            "redis://host/x?pass=secret",
            "redis://me:se@secret@host/1x",
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn reads_the_address_of_another_server() {
        assert_eq!(Address::from_redirect("10.0.0.1:7001"), Some(tcp("10.0.0.1", 7001)));
        assert_eq!(
            Address::from_redirect("2001:db8::1:7001"),
            Some(tcp("2001:db8::1", 7001))
        );
        // The server that was asked: the caller fills in its host.
        assert_eq!(Address::from_redirect(":7001"), Some(tcp("", 7001)));
        assert_eq!(Address::from_redirect("x"), None);
    }
}
