//! The settings of a client, and how it connects.

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, oneshot};

use super::client::DialogueClient;
use crate::client::certificates::certificates;
use crate::client::config::Config;
use crate::client::dial::Destination;
#[cfg(feature = "testing")]
use crate::client::dial::Pipe;
use crate::client::error::ClientError;
use crate::duration::LONGEST;

/// The path of the WebSocket if the URL has none.
const USUAL_PATH: &str = "/dialogue/ws";

/// The settings of a client, returned by [`DialogueClient::connect`]. Await it to connect.
///
/// Every setting has a default: no credentials, and the limits below.
#[must_use = "nothing is connected until this is awaited"]
pub struct ClientBuilder {
    url: String,
    headers: Vec<(String, String)>,
    /// Each in PEM or DER.
    certificates: Vec<Vec<u8>>,
    config: Config,
}

impl DialogueClient {
    /// Starts the settings of a client for the server at this URL: `ws://host:port` or `wss://…`, with a path if it is
    /// not `/dialogue/ws`. Await the result to connect.
    pub fn connect(url: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder::new(url.as_ref())
    }
}

impl ClientBuilder {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            headers: Vec::new(),
            certificates: Vec::new(),
            config: Config {
                destination: Destination {
                    uri: Uri::default(),
                    shown: String::new(),
                    headers: HeaderMap::new(),
                    roots: Vec::new(),
                    max_message: 4 * 1024 * 1024,
                    tls: OnceCell::new(),
                    #[cfg(feature = "testing")]
                    pipe: None,
                },
                auth: Box::new(|| Box::pin(async { Ok(Value::Null) })),
                connect_timeout: Duration::from_secs(10),
                request_timeout: Duration::from_secs(30),
                backoff_base: Duration::from_millis(500),
                backoff_cap: Duration::from_secs(30),
                max_requests: 256,
                buffer_events: 1024,
                buffer_bytes: 1024 * 1024,
            },
        }
    }

    /// A client that connects through `pipe`.
    #[cfg(feature = "testing")]
    pub(crate) fn over(pipe: Pipe) -> Self {
        // Never resolved: it only has to be a valid URL.
        let mut builder = Self::new("ws://pipe");
        builder.config.destination.pipe = Some(pipe);
        builder
    }

    /// Signs in with these credentials, on every connection and every renewal of the session.
    pub fn auth(self, auth: impl Into<Value>) -> Self {
        let auth = auth.into();
        self.auth_with(move || {
            let auth = auth.clone();
            async move { Ok::<_, std::convert::Infallible>(auth) }
        })
    }

    /// Signs in with the credentials that this callback returns. The client calls it before each connection. It also
    /// calls it when nine tenths of the session's time have passed, to renew the session on the live connection. If the
    /// callback fails or takes longer than [`connect_timeout`](Self::connect_timeout), the attempt to connect fails,
    /// and the next attempt calls it again. A renewal that fails is tried again when half of the session's remaining
    /// time has passed.
    pub fn auth_with<F, Fut, E>(mut self, credentials: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.config.auth = Box::new(move || {
            let given = credentials();
            Box::pin(async move { given.await.map_err(Into::into) })
        });
        self
    }

    /// Sends a header with the upgrade request, such as `Cookie` or `Origin`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// For `wss://`: trusts these certificates in addition to the system's. Pass one certificate in DER, or any number in
    /// PEM, such as the content of the file with your company's certificate authorities.
    ///
    /// If they cannot be read, connecting fails at once with [`ClientError::InvalidCertificate`].
    pub fn trust(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(certificates.into());
        self
    }

    /// How long an attempt to connect may take, including the sign-in. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long a request may take, including the time to reconnect and rejoin. Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout.min(LONGEST);
        self
    }

    /// The delay before the first attempt to reconnect is random between 0 and `base` (500 ms). The upper bound doubles
    /// with each attempt, up to `cap` (30 s). It starts again at `base` after a connection that lasted three times as
    /// long as the delay before it, and at least 5 s; or a minute, however long the delay.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.config.backoff_base, self.config.backoff_cap) = (base, cap);
        self
    }

    /// How many requests may wait for their answers. Default: 256. Above this, a further request waits for a free
    /// place.
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.config.max_requests = requests.max(1);
        self
    }

    /// How many events may wait for a handler or a stream, and how many bytes of text they may have. Each has its own
    /// buffer. Default: 1,024 events of 1 MiB in total. A full buffer drops its oldest events and reports how many.
    pub fn buffer(mut self, events: usize, bytes: usize) -> Self {
        (self.config.buffer_events, self.config.buffer_bytes) = (events, bytes);
        self
    }

    /// The largest message that the client accepts from the server, in bytes. Default: 4 MiB. A larger one ends the
    /// connection.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.config.destination.max_message = bytes;
        self
    }

    /// Returns the client at once, while it connects in the background. If an attempt fails, the client tries again as
    /// after a lost connection. Requests wait for the connection. [`DialogueClient::on_error`] reports each failed
    /// attempt.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidUrl`], also if a header is malformed. [`ClientError::InvalidCertificate`].
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn in_background(self) -> Result<DialogueClient, ClientError> {
        Ok(DialogueClient::start(self.finish()?, Handle::current(), None))
    }

    fn finish(mut self) -> Result<Config, ClientError> {
        let invalid = || ClientError::InvalidUrl(self.url.clone());
        let uri: Uri = self.url.parse().map_err(|_| invalid())?;
        let mut parts = uri.into_parts();
        let is_websocket = matches!(parts.scheme.as_ref().map(http::uri::Scheme::as_str), Some("ws" | "wss"));
        if !is_websocket || parts.authority.is_none() {
            return Err(invalid());
        }
        let path = parts.path_and_query.as_ref();
        if path.is_none_or(|path| path.path() == "/") {
            let query = path.and_then(http::uri::PathAndQuery::query);
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            parts.path_and_query = Some(format!("{USUAL_PATH}{query}").parse().map_err(|_| invalid())?);
        }
        let uri = Uri::from_parts(parts).map_err(|_| invalid())?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let scheme = uri.scheme_str().unwrap_or_default();
        self.config.destination.shown = format!("{scheme}://{host}{}", uri.path());
        self.config.destination.uri = uri;
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            self.config.destination.headers.insert(name, value);
        }
        for text in &self.certificates {
            self.config.destination.roots.extend(certificates(text)?);
        }
        Ok(self.config)
    }
}

/// Connects. If the first attempt fails, it returns the error and nothing continues in the background. After that the
/// client reconnects automatically.
///
/// # Cancel safety
///
/// If this future is dropped before the client is connected, it does not connect.
impl IntoFuture for ClientBuilder {
    type Output = Result<DialogueClient, ClientError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (first, outcome) = oneshot::channel();
            let client = DialogueClient::start(self.finish()?, Handle::current(), Some(first));
            match outcome.await {
                Ok(connected) => connected.map(|()| client),
                Err(_) => Err(client.ended()),
            }
        })
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headers and credentials are secret.
        f.debug_struct("ClientBuilder")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(url: &str) -> Result<String, ClientError> {
        ClientBuilder::new(url)
            .finish()
            .map(|config| config.destination.uri.to_string())
    }

    #[test]
    fn a_url_without_a_path_gets_the_default_path() {
        for (url, whole) in [
            ("ws://127.0.0.1:3000", "ws://127.0.0.1:3000/dialogue/ws"),
            ("wss://example.org/", "wss://example.org/dialogue/ws"),
            ("ws://[::1]:3000/chat/ws?x=1", "ws://[::1]:3000/chat/ws?x=1"),
        ] {
            assert_eq!(uri(url).unwrap(), whole);
        }
    }

    #[test]
    fn a_url_with_a_query_alone_gets_the_default_path() {
        assert_eq!(uri("ws://a.example?x=1").unwrap(), "ws://a.example/dialogue/ws?x=1");
        assert_eq!(uri("ws://a.example/?x=1").unwrap(), "ws://a.example/dialogue/ws?x=1");
    }

    #[test]
    fn refuses_what_is_not_a_websocket_url() {
        for url in [
            "",
            "127.0.0.1:3000",
            "http://127.0.0.1",
            "/dialogue/ws",
            "ws:///x",
            "ws://a b",
        ] {
            assert_eq!(uri(url), Err(ClientError::InvalidUrl(url.to_owned())));
        }
        let header = ClientBuilder::new("ws://a").header("no name", "x");
        assert!(header.finish().is_err());
    }
}
