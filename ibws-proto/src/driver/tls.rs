//! A [`Trust`] as a rustls configuration, and what rustls says as a [`ConnectError`].

use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};

use super::public_key::PublicKey;
use super::upgrade::quoted;
use super::{Endpoint, Trust, TrustError};
use crate::{ConnectError, ConnectErrorKind};

const CA: &str = "CA file";
const PIN: &str = "pin";

impl Trust {
    /// The rustls configuration for a connection to `endpoint`: the ring provider whatever the process default is,
    /// TLS 1.2 and 1.3, ALPN `http/1.1`.
    ///
    /// # Errors
    /// [`TrustError`] for bytes that hold no usable certificate, or a pin for another machine.
    pub fn client_config(&self, endpoint: &Endpoint) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Setup { reason: error.to_string() })?;
        let mut config = match self {
            Self::WebPki => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::CaPem(pem) => builder.with_root_certificates(authorities(pem)?).with_no_client_auth(),
            Self::ExactCert(bytes) => {
                if !endpoint.is_loopback() {
                    return Err(TrustError::PinNotLoopback { host: endpoint.host().into() });
                }
                let verifier = Arc::new(ExactVerifier::new(bytes, &provider)?);
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        config.alpn_protocols = Vec::from([b"http/1.1".to_vec()]);
        Ok(Arc::new(config))
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem_certificates(pem, CA)? {
        roots.add(certificate).map_err(|error| bad_certificate(CA, &error))?;
    }
    if roots.is_empty() { Err(TrustError::NoCertificate { kind: CA }) } else { Ok(roots) }
}

/// The certificates of a PEM text, other sections skipped.
fn pem_certificates(pem: &[u8], kind: &'static str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, pem::Error>>().map_err(|_| TrustError::BadPem { kind })
}

fn bad_certificate(kind: &'static str, error: &Error) -> TrustError {
    TrustError::BadCertificate { kind, reason: quoted(&error.to_string()) }
}

/// The one certificate of a pin, PEM or DER.
fn pinned(bytes: &[u8]) -> Result<CertificateDer<'static>, TrustError> {
    if bytes.windows(5).any(|window| window == b"-----") {
        let mut certificates = pem_certificates(bytes, PIN)?;
        return match (certificates.pop(), certificates.len()) {
            (Some(certificate), 0) => Ok(certificate),
            (Some(_), others) => Err(TrustError::SeveralCertificates { count: others + 1 }),
            (None, _) => Err(TrustError::NoCertificate { kind: PIN }),
        };
    }
    // A DER certificate is one SEQUENCE; anything else was never meant to be one.
    match bytes.first() {
        Some(0x30) => Ok(CertificateDer::from(bytes.to_vec())),
        _ => Err(TrustError::NoCertificate { kind: PIN }),
    }
}

/// Accepts one certificate, byte for byte, from a peer that proves to hold its key.
///
/// Names, dates, version and issuer play no part: nothing in the certificate is believed but its key.
#[derive(Debug)]
struct ExactVerifier {
    certificate: CertificateDer<'static>,
    key: PublicKey,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ExactVerifier {
    fn new(bytes: &[u8], provider: &CryptoProvider) -> Result<Self, TrustError> {
        let certificate = pinned(bytes)?;
        let key = PublicKey::of_certificate(&certificate).ok_or_else(|| TrustError::BadCertificate {
            kind: PIN,
            reason: String::from("no public key where X.509 has it"),
        })?;
        Ok(Self { certificate, key, algorithms: provider.signature_verification_algorithms })
    }

    /// Verifies a TLS 1.2 handshake signature with the pinned key, as rustls does with that of a certificate: its own
    /// function parses X.509 v3 only.
    fn verify_tls12(&self, message: &[u8], dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        let mapped = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        // The scheme leaves the curve open; the key decides.
        let fitting = mapped.and_then(|(_, algorithms)| {
            algorithms.iter().find(|algorithm| algorithm.public_key_alg_id().as_ref() == self.key.algorithm.as_slice())
        });
        let Some(algorithm) = fitting else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        match algorithm.verify_signature(&self.key.bits, message, dss.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        }
    }
}

impl ServerCertVerifier for ExactVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if end_entity.as_ref() == self.certificate.as_ref() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12(message, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &self.key.spki, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What ended a TLS handshake, as the dial tells it.
///
/// [`ConnectErrorKind::Trust`] for a refused certificate, with the way to pin it; a rustls error of another kind, or a
/// peer that breaks off, is [`ConnectErrorKind::Protocol`].
#[must_use]
pub fn handshake_error(error: &std::io::Error, endpoint: &Endpoint) -> ConnectError {
    let peer = endpoint.host_and_port();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => rustls_error(error, endpoint),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!("{peer} closed the connection during the TLS handshake: does it speak TLS on this port?"),
        ),
        None => {
            let reason = quoted(&error.to_string());
            ConnectError::new(ConnectErrorKind::Protocol, format!("the TLS handshake with {peer} broke off: {reason}"))
        }
    }
}

/// The same for an error that rustls itself returned.
#[must_use]
pub fn rustls_error(error: &Error, endpoint: &Endpoint) -> ConnectError {
    let peer = endpoint.host_and_port();
    let reason = quoted(&error.to_string());
    let pin = if endpoint.is_loopback() { "pin it with --trust pin:FILE" } else { "trust it with --trust ca:FILE" };
    match error {
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("the certificate of {peer} is not the pinned one: if it was renewed on purpose, {pin} anew"),
        ),
        Error::InvalidCertificate(CertificateError::BadSignature) => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("{peer} shows a certificate whose key it does not hold: something pretends to be it"),
        ),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("the certificate of {peer} is not trusted ({reason}): if it is the one you expect, {pin}"),
        ),
        Error::InvalidMessage(_) => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!(
                "{peer} does not speak TLS here ({reason}): check the port{}",
                if endpoint.is_loopback() { ", or use ws:// for a gateway with TLS switched off" } else { "" }
            ),
        ),
        _ => ConnectError::new(ConnectErrorKind::Protocol, format!("TLS with {peer} failed: {reason}")),
    }
}

/// A [`Trust`] that cannot be used, as the dial tells it.
#[must_use]
pub fn trust_error(error: &TrustError) -> ConnectError {
    ConnectError::new(ConnectErrorKind::Trust, error.to_string())
}
