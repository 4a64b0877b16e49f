//! `wss://`.

use std::sync::Arc;

use dialogue::DialogueClient;
use dialogue::client::ClientError;
use dialogue_tests::{Chat, TestServer, message, within};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

#[tokio::test]
async fn tls_connections_succeed_only_with_a_trusted_certificate() {
    let server = TestServer::plain().await;
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = key.cert.der().clone();
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], private)
        })
        .expect("a TLS server");
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
                let Ok(mut plain) = TcpStream::connect(address).await else {
                    return;
                };
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    let trusting = DialogueClient::connect(&url)
        .auth(json!({ "userId": "ada" }))
        .trust(certificate.to_vec());
    let client = within("a connection", trusting.into_future()).await.expect("TLS");
    let chat = client.join(Chat).await.expect("the join succeeds");
    chat.trigger(message("hi")).await.expect("an event");
    let wary = within("an answer", DialogueClient::connect(&url).into_future()).await;
    assert!(matches!(wary, Err(ClientError::Connect { .. })), "{wary:?}");
}
