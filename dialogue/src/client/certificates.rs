//! Reads the certificates that the application trusts.

use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::error::ClientError;

/// The certificates in a text: any number in PEM, or one in DER.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let read = match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
        // DER has no text in it that begins a certificate.
        Ok(found) if found.is_empty() => vec![CertificateDer::from(text.to_vec())],
        Ok(found) => found,
        Err(error) => return Err(invalid(error)),
    };
    for certificate in &read {
        RootCertStore::empty().add(certificate.clone()).map_err(invalid)?;
    }
    Ok(read)
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> ClientError {
    ClientError::InvalidCertificate {
        source: Arc::new(error),
    }
}
