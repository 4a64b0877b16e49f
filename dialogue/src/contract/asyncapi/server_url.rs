//! The public URL of a server's WebSocket, in the parts that AsyncAPI wants.

/// The URL of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(super) protocol: &'static str,
    /// The host, and the port if there is one.
    pub(super) host: String,
    pub(super) path: String,
}

impl ServerUrl {
    /// Parses `ws://…` or `wss://…`. Without a path, it is `default_path`. `None` if the text is another URL, or has a
    /// query, a fragment or credentials.
    pub(crate) fn parse(url: &str, default_path: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let protocol = ["ws", "wss"]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known))?;
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let is_in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
        let is_in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_in_host) || !path.bytes().all(is_in_path) {
            return None;
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        if name.is_empty() || port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return None;
        }
        let path = if matches!(path, "" | "/") { default_path } else { path };
        Some(Self {
            protocol,
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_websocket_has_a_protocol_a_host_and_a_path() {
        for (url, expected) in [
            ("wss://chat.example/rt/ws", Some(("wss", "chat.example", "/rt/ws"))),
            ("WSS://chat.example", Some(("wss", "chat.example", "/dialogue/ws"))),
            ("ws://127.0.0.1:3000/", Some(("ws", "127.0.0.1:3000", "/dialogue/ws"))),
            ("ws://[::1]:3000/a", Some(("ws", "[::1]:3000", "/a"))),
            ("ws://[::1]/a", Some(("ws", "[::1]", "/a"))),
            ("https://chat.example", None),
            ("chat.example", None),
            ("wss://", None),
            ("wss://:80", None),
            ("wss://chat.example:0", None),
            ("wss://chat.example:port", None),
            ("wss://ada@chat.example", None),
            ("wss://chat.example/ws?token=1", None),
            ("wss://chat.example/{room}", None),
        ] {
            let parsed = ServerUrl::parse(url, "/dialogue/ws");
            let parts = parsed.as_ref().map(|url| (url.protocol, &*url.host, &*url.path));
            assert_eq!(parts, expected, "{url}");
        }
    }
}
