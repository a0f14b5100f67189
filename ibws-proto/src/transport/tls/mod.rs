//! Converts a [`Trust`] to a rustls configuration, and errors of TLS to a [`ConnectError`].

use std::borrow::ToOwned;
use std::format;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, Error, RootCertStore};

use crate::transport::{Endpoint, Peer, Trust, TrustError};
use crate::{ConnectError, ConnectErrorKind, excerpt};

mod certificate;
mod error;
mod file;
mod public_key;
mod refused;
mod stock;
mod verifier;

#[cfg(test)]
mod tests;

pub use self::error::{handshake_error, rustls_error, trust_error, upgrade_error};
use self::public_key::PublicKey;
use self::stock::Stock;
use self::verifier::{Rule, Verifier};

const CA: &str = "CA file";
const PIN: &str = "pin";
const STOCK: &str = "stock certificate";

impl Trust {
    /// Checks that the trust can be used, without a connection.
    ///
    /// # Errors
    /// [`TrustError`] for bytes that hold no usable certificate.
    pub fn check(&self) -> Result<(), TrustError> {
        self.client_config(Peer::Unknown).map(drop)
    }

    /// Returns the rustls configuration for one connection, whose other end is `peer`.
    ///
    /// It has the ring provider whatever the process default is, TLS 1.2 and 1.3, ALPN `http/1.1`
    /// and no resumption, so that every connection verifies the certificate. It must not serve a
    /// connection to another peer, because `peer` decides whether the stock certificate is
    /// accepted.
    ///
    /// # Errors
    /// [`TrustError`] for bytes that hold no usable certificate.
    pub fn client_config(&self, peer: Peer) -> Result<Arc<ClientConfig>, TrustError> {
        self.client_config_with(peer, Stock::shipped())
    }

    fn client_config_with(&self, peer: Peer, mut stock: Stock) -> Result<Arc<ClientConfig>, TrustError> {
        let (mut trust, mut accepts_stock) = (self, peer.is_loopback());
        loop {
            match trust {
                Self::OnMyOwnNetwork(inner) => (trust, accepts_stock) = (inner, true),
                Self::TreatAsStock { certificate, trust: inner } => {
                    stock.add(&key_of(&one_certificate(certificate, STOCK)?, STOCK)?);
                    trust = inner;
                }
                _ => break,
            }
        }
        let provider = Arc::new(ring::default_provider());
        let rule = rule(trust, &provider, &stock)?;
        let verifier = Verifier::new(rule, stock, accepts_stock, provider.signature_verification_algorithms);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = Vec::from([b"http/1.1".to_vec()]);
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// Returns what `trust`, which wraps no other, accepts.
fn rule(trust: &Trust, provider: &Arc<CryptoProvider>, stock: &Stock) -> Result<Rule, TrustError> {
    let by_authority = |roots: RootCertStore, setting| {
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = builder.build().map_err(|error| TrustError::Setup { reason: error.to_string() })?;
        Ok(Rule::Authorities { verifier, setting })
    };
    match trust {
        Trust::WebPki => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            by_authority(roots, "`Trust::WebPki`")
        }
        Trust::CaPem(pem) => by_authority(authorities(pem, stock)?, "`Trust::CaPem`"),
        Trust::ExactCert(bytes) => {
            let certificate = one_certificate(bytes, PIN)?;
            key_of(&certificate, PIN)?;
            Ok(Rule::Certificate(certificate))
        }
        Trust::ExactSha256(fingerprint) => Ok(Rule::Sha256(*fingerprint)),
        Trust::StockCertificate => Ok(Rule::Stock),
        // The wrappers were taken off; what they hold decides.
        Trust::OnMyOwnNetwork(inner) | Trust::TreatAsStock { trust: inner, .. } => rule(inner, provider, stock),
    }
}

fn setup(error: &Error) -> TrustError {
    TrustError::Setup { reason: error.to_string() }
}

fn authorities(pem: &[u8], stock: &Stock) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem_certificates(pem, CA)? {
        if stock.has_key_of(&key_of(&certificate, CA)?) {
            return Err(TrustError::StockAuthority);
        }
        roots.add(certificate).map_err(|error| bad_certificate(CA, &error.to_string()))?;
    }
    if roots.is_empty() { Err(TrustError::NoCertificate { kind: CA }) } else { Ok(roots) }
}

/// Returns the certificates of a PEM text and skips its other sections.
fn pem_certificates(pem: &[u8], kind: &'static str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, pem::Error>>().map_err(|_| TrustError::BadPem { kind })
}

fn bad_certificate(kind: &'static str, reason: &str) -> TrustError {
    TrustError::BadCertificate { kind, reason: excerpt(reason).into() }
}

/// Returns the key of a certificate that the trust names.
fn key_of(certificate: &[u8], kind: &'static str) -> Result<PublicKey, TrustError> {
    let key = PublicKey::of_certificate(certificate)
        .ok_or_else(|| bad_certificate(kind, "no public key in the place that X.509 gives it"))?;
    match key.bad_rsa_bits() {
        // The size of a key does not matter where it is only compared.
        Some(bits) if kind != STOCK => Err(TrustError::BadKeySize { kind, bits }),
        _ => Ok(key),
    }
}

/// Returns the one certificate of a pin, PEM or DER.
fn one_certificate(bytes: &[u8], kind: &'static str) -> Result<CertificateDer<'static>, TrustError> {
    if bytes.windows(5).any(|window| window == b"-----") {
        let mut certificates = pem_certificates(bytes, kind)?;
        return match (certificates.pop(), certificates.len()) {
            (Some(certificate), 0) => Ok(certificate),
            (Some(_), others) => Err(TrustError::SeveralCertificates { kind, count: others.saturating_add(1) }),
            (None, _) => Err(TrustError::NoCertificate { kind }),
        };
    }
    // A DER certificate is one SEQUENCE. Other bytes are a wrong file and not a damaged
    // certificate.
    match bytes.first() {
        Some(0x30) => Ok(CertificateDer::from(bytes.to_vec())),
        _ => Err(TrustError::NoCertificate { kind }),
    }
}

/// Returns the name that the certificate of `endpoint` must hold.
///
/// # Errors
/// [`ConnectErrorKind::Trust`] for a host that no certificate can name.
pub fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, ConnectError> {
    match endpoint.ip() {
        Some(address) => Ok(ServerName::from(address)),
        None => ServerName::try_from(endpoint.host().to_owned()).map_err(|_| {
            let detail = format!("{} cannot be the name in a certificate: correct the address", endpoint.host());
            ConnectError::new(ConnectErrorKind::Trust, detail)
        }),
    }
}
