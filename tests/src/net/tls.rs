//! The certificate of a server, made at each start, so that the repository contains no private key.

use std::sync::Arc;

use ibws_proto::UnknownCertificate;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// A self-signed certificate and the TLS configuration that shows it.
pub(super) struct Identity {
    pub(super) der: Vec<u8>,
    pub(super) config: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn make() -> Result<Self, String> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        Self::of(&[made.cert.der().to_vec()], made.signing_key.serialize_der())
    }

    /// Makes an expired certificate without a name, like the stock certificate of a real gateway.
    /// Only an exact pin matches it.
    pub(super) fn stock() -> Result<Self, String> {
        let text = |error: rcgen::Error| error.to_string();
        let key = rcgen::KeyPair::generate().map_err(text)?;
        let mut params = rcgen::CertificateParams::new(Vec::new()).map_err(text)?;
        params.not_after = rcgen::date_time_ymd(2019, 1, 1);
        let certificate = params.self_signed(&key).map_err(text)?;
        Self::of(&[certificate.der().to_vec()], key.serialize_der())
    }

    /// Presents `chain`, whose first certificate is the server's, and signs with `key` (PKCS #8),
    /// which need not match.
    pub(super) fn of(chain: &[Vec<u8>], key: Vec<u8>) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let text = |error: rustls::Error| error.to_string();
        let key = provider.key_provider.load_private_key(PrivatePkcs8KeyDer::from(key).into()).map_err(text)?;
        let certificates = chain.iter().cloned().map(CertificateDer::from).collect();
        let presents = SingleCertAndKey::from(CertifiedKey::new(certificates, key));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth().with_cert_resolver(Arc::new(presents)))
            .map_err(text)?;
        let der = chain.first().cloned().unwrap_or_default();
        Ok(Self { der, config: Arc::new(config) })
    }

    pub(super) fn sha256(&self) -> String {
        UnknownCertificate::from_der(&self.der).sha256.into()
    }

    pub(super) fn pem(&self) -> String {
        UnknownCertificate::from_der(&self.der).pem.into()
    }
}
