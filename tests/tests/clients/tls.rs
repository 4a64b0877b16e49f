//! `wss://`.

use std::sync::Arc;

use base64::Engine;
use dialogue::DialogueClient;
use dialogue::client::{ClientBuilder, ClientError};
use dialogue_tests::{Chat, TestServer, message, within};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type SelfSigned = rcgen::CertifiedKey<rcgen::KeyPair>;

fn self_signed() -> SelfSigned {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

/// The certificate as a file of authorities contains it.
fn pem(key: &SelfSigned) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(key.cert.der());
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// Puts TLS in front of a server, as a proxy does that also offers HTTP/2. Returns the URL.
async fn with_tls(server: &TestServer, key: &SelfSigned) -> String {
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(vec![key.cert.der().clone()], private)
        })
        .expect("a TLS server");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("wss://localhost:{}", listener.local_addr().expect("an address").port());
    let (acceptor, address) = (TlsAcceptor::from(Arc::new(config)), server.address());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut secure) = acceptor.accept(stream).await else {
                    return;
                };
                // A proxy that a client asks for no protocol may assume the one that it likes best.
                if secure.get_ref().1.alpn_protocol() != Some(b"http/1.1") {
                    return;
                }
                let Ok(mut plain) = TcpStream::connect(address).await else {
                    return;
                };
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    url
}

fn connect(url: &str) -> ClientBuilder {
    DialogueClient::connect(url).auth(json!({ "userId": "ada" }))
}

#[tokio::test]
async fn tls_connections_succeed_only_with_a_trusted_certificate() {
    let (server, key) = (TestServer::plain().await, self_signed());
    let url = with_tls(&server, &key).await;
    let trusting = connect(&url).trust(key.cert.der().to_vec());
    let client = within("a connection", trusting.into_future()).await.expect("TLS");
    let chat = client.join(Chat).await.expect("the join succeeds");
    chat.trigger(message("hi")).await.expect("an event");
    let wary = within("an answer", DialogueClient::connect(&url).into_future()).await;
    assert!(matches!(wary, Err(ClientError::Connect { .. })), "{wary:?}");
}

#[tokio::test]
async fn trusts_all_certificates_of_a_pem_file() {
    let (server, key) = (TestServer::plain().await, self_signed());
    let url = with_tls(&server, &key).await;
    let bundle = format!("# our own authorities\n{}{}", pem(&self_signed()), pem(&key));
    within("a connection", connect(&url).trust(bundle).into_future())
        .await
        .expect("TLS");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_reported_before_any_attempt() {
    let broken = pem(&self_signed()).replace("MII", "!!!");
    for unreadable in ["", "no certificate", &broken] {
        let started = connect("wss://localhost:1").trust(unreadable).in_background();
        let error = started.map(|_| ()).expect_err("an error at once");
        assert!(matches!(error, ClientError::InvalidCertificate { .. }), "{error:?}");
        assert!(error.to_string().contains("PEM or DER"), "{error}");
    }
}
