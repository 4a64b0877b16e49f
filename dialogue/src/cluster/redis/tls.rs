//! TLS to Redis, with certificates of the system and of the application.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::error::RedisError;

/// The certificates to trust in addition to the system's.
#[derive(Debug, Clone)]
pub(super) struct Roots(Vec<CertificateDer<'static>>);

/// Reads certificates: each text has any number in PEM, or one in DER.
pub(super) fn roots(texts: &[Vec<u8>]) -> Result<Roots, RedisError> {
    let mut roots = Vec::new();
    for text in texts {
        match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
            // DER has no text in it that begins a certificate.
            Ok(found) if found.is_empty() => roots.push(CertificateDer::from(text.clone())),
            Ok(found) => roots.extend(found),
            Err(error) => return Err(invalid(error)),
        }
    }
    for root in &roots {
        RootCertStore::empty().add(root.clone()).map_err(invalid)?;
    }
    Ok(Roots(roots))
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> RedisError {
    RedisError::InvalidCertificate {
        source: Arc::new(error),
    }
}

/// The system's certificates are files, so a blocking thread reads them. They are read for each connection: connections are
/// few, and the files change.
pub(super) async fn connector(roots: &Roots) -> Result<TlsConnector, Box<dyn std::error::Error + Send + Sync>> {
    let native = spawn_blocking(rustls_native_certs::load_native_certs).await?;
    let mut store = RootCertStore::empty();
    // A certificate that cannot be parsed does not make the others useless.
    store.add_parsable_certificates(native.certs);
    for root in &roots.0 {
        store.add(root.clone())?;
    }
    if store.is_empty() {
        return Err(
            "the system has no certificates to trust: install its package `ca-certificates`, or call `trust`".into(),
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}
