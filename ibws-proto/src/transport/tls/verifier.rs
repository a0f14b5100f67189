//! Verifies the certificate that a peer presents, and that the peer holds its key.

use std::sync::Arc;
use std::vec::Vec;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use super::certificate::sha256;
use super::public_key::PublicKey;
use super::refused::{Reason, Refused};
use super::stock::Stock;
use crate::transport::Fingerprint;

/// The certificates that are accepted.
#[derive(Debug)]
pub(super) enum Rule {
    /// Those of authorities; `setting` names the trust in errors.
    Authorities { verifier: Arc<WebPkiServerVerifier>, setting: &'static str },
    /// This one.
    Certificate(CertificateDer<'static>),
    /// The one with this SHA-256.
    Sha256(Fingerprint),
    /// The stock certificate.
    Stock,
}

/// Verifies the certificate of one connection.
///
/// A pin ignores names, dates, version and issuer: only the key of the certificate is used.
#[derive(Debug)]
pub(super) struct Verifier {
    rule: Rule,
    stock: Stock,
    /// Set if the peer may present a certificate whose private key is public.
    accepts_stock: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(rule: Rule, stock: Stock, accepts_stock: bool, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { rule, stock, accepts_stock, algorithms }
    }

    /// Refuses keys that are public, or that no signature is accepted of.
    fn check_keys(&self, end_entity: &[u8], intermediates: &[CertificateDer<'_>]) -> Result<PublicKey, Error> {
        let key = PublicKey::of_certificate(end_entity).ok_or(CertificateError::BadEncoding)?;
        if !self.accepts_stock && self.stock.has_key_of(&key) {
            return Err(Refused::new(Reason::Stock { is_shipped: self.stock.is_certificate(end_entity) }).into());
        }
        if let Some(bits) = key.bad_rsa_bits() {
            return Err(Refused::new(Reason::BadKeySize { bits, is_issuer: false }).into());
        }
        if matches!(self.rule, Rule::Authorities { .. }) {
            for key in intermediates.iter().filter_map(|certificate| PublicKey::of_certificate(certificate)) {
                // Anybody can issue certificates with this key, so it vouches for nothing, not even
                // on loopback.
                if self.stock.has_key_of(&key) {
                    return Err(Refused::new(Reason::StockIssuer).into());
                }
                if let Some(bits) = key.bad_rsa_bits() {
                    return Err(Refused::new(Reason::BadKeySize { bits, is_issuer: true }).into());
                }
            }
        }
        Ok(key)
    }

    /// Verifies a TLS 1.2 handshake signature with the key of a pinned certificate.
    ///
    /// rustls' function for this parses X.509 v3 only, and the pinned certificate may be older.
    fn verify_pinned_tls12(
        &self,
        message: &[u8],
        certificate: &[u8],
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = PublicKey::of_certificate(certificate).ok_or(CertificateError::BadEncoding)?;
        let mapped = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        // A TLS 1.2 scheme does not name the curve, so the key selects the algorithm.
        let matching = mapped.and_then(|(_, algorithms)| {
            algorithms.iter().find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm.as_slice())
        });
        let Some(algorithm) = matching else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        match algorithm.verify_signature(&key.bits, message, dss.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = self.check_keys(end_entity, intermediates)?;
        let (is_pinned, reason) = match &self.rule {
            Rule::Authorities { verifier, setting } => {
                let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
                return verified.map_err(|error| {
                    let Error::InvalidCertificate(error) = error else { return error };
                    let (is_self_issued, intermediates) = (key.is_self_issued, intermediates.len());
                    let reason = if self.stock.is_certificate(end_entity) {
                        Reason::StockUnderAuthorities
                    } else {
                        Reason::Chain { error, setting, is_self_issued, intermediates }
                    };
                    Refused::with_certificate(reason, end_entity).into()
                });
            }
            Rule::Certificate(pinned) => (end_entity.as_ref() == pinned.as_ref(), Reason::NotPinned),
            Rule::Sha256(Fingerprint::OF_NO_CERTIFICATE) => (false, Reason::NothingPinned),
            Rule::Sha256(fingerprint) => (sha256(end_entity) == *fingerprint, Reason::NotPinned),
            Rule::Stock => (self.stock.is_certificate(end_entity), Reason::NotStock),
        };
        if is_pinned {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Refused::with_certificate(reason, end_entity).into())
        }
    }

    // rustls passes the certificate that the method above has accepted.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = match &self.rule {
            Rule::Authorities { verifier, .. } => verifier.verify_tls12_signature(message, certificate, dss),
            _ => self.verify_pinned_tls12(message, certificate, dss),
        };
        verified.map_err(key_not_held)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = match &self.rule {
            Rule::Authorities { verifier, .. } => verifier.verify_tls13_signature(message, certificate, dss),
            _ => {
                let key = PublicKey::of_certificate(certificate).ok_or(CertificateError::BadEncoding)?;
                verify_tls13_signature_with_raw_key(message, &key.spki, dss, &self.algorithms)
            }
        };
        verified.map_err(key_not_held)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Distinguishes a wrong signature of the handshake from one in the certificate.
fn key_not_held(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => Refused::new(Reason::KeyNotHeld).into(),
        other => other,
    }
}
