//! Converts a [`Trust`] to a rustls configuration, and errors of TLS to a [`ConnectError`].

use std::borrow::ToOwned;
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

use crate::transport::{Endpoint, Trust, TrustError};
use crate::{ConnectError, ConnectErrorKind, excerpt};

mod public_key;

use self::public_key::PublicKey;

const CA: &str = "CA file";
const PIN: &str = "pin";

impl Trust {
    /// Returns the rustls configuration for a connection to `endpoint`.
    ///
    /// It has the ring provider whatever the process default is, TLS 1.2 and 1.3, and ALPN
    /// `http/1.1`.
    ///
    /// # Errors
    /// [`TrustError`] for bytes that hold no usable certificate, or a pin for a host other than
    /// loopback.
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

/// Returns the certificates of a PEM text and skips its other sections.
fn pem_certificates(pem: &[u8], kind: &'static str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, pem::Error>>().map_err(|_| TrustError::BadPem { kind })
}

fn bad_certificate(kind: &'static str, error: &Error) -> TrustError {
    TrustError::BadCertificate { kind, reason: excerpt(&error.to_string()).into() }
}

/// Returns the one certificate of a pin, PEM or DER.
fn pinned(bytes: &[u8]) -> Result<CertificateDer<'static>, TrustError> {
    if bytes.windows(5).any(|window| window == b"-----") {
        let mut certificates = pem_certificates(bytes, PIN)?;
        return match (certificates.pop(), certificates.len()) {
            (Some(certificate), 0) => Ok(certificate),
            (Some(_), others) => Err(TrustError::SeveralCertificates { count: others + 1 }),
            (None, _) => Err(TrustError::NoCertificate { kind: PIN }),
        };
    }
    // A DER certificate is one SEQUENCE. Other bytes are a wrong file and not a damaged
    // certificate.
    match bytes.first() {
        Some(0x30) => Ok(CertificateDer::from(bytes.to_vec())),
        _ => Err(TrustError::NoCertificate { kind: PIN }),
    }
}

/// Accepts one certificate, byte for byte, from a peer that proves that it holds the key.
///
/// Names, dates, version and issuer are ignored; only the key of the certificate is used.
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
            reason: String::from("no public key in the place that X.509 gives it"),
        })?;
        Ok(Self { certificate, key, algorithms: provider.signature_verification_algorithms })
    }

    /// Verifies a TLS 1.2 handshake signature with the pinned key.
    ///
    /// rustls' function for this parses X.509 v3 only, and the pinned certificate may be older.
    fn verify_tls12(&self, message: &[u8], dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        let mapped = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        // A TLS 1.2 scheme does not name the curve, so the key selects the algorithm.
        let matching = mapped.and_then(|(_, algorithms)| {
            algorithms.iter().find(|algorithm| algorithm.public_key_alg_id().as_ref() == self.key.algorithm.as_slice())
        });
        let Some(algorithm) = matching else {
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

/// Converts an error of the connection during the HTTP upgrade.
#[must_use]
pub fn upgrade_error(error: &std::io::Error, endpoint: &Endpoint) -> ConnectError {
    // Under TLS 1.3 the peer may refuse after the handshake, with an alert.
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        return handshake_error(error, endpoint);
    }
    let peer = endpoint.host_and_port();
    let detail = format!("the connection to {peer} failed during the WebSocket upgrade ({error}): check the port");
    ConnectError::new(ConnectErrorKind::Protocol, detail)
}

/// Converts an error of the connection during the TLS handshake.
///
/// A refused certificate becomes [`ConnectErrorKind::Trust`], with the setting that accepts it.
/// Other errors of rustls, and a peer that closes, become [`ConnectErrorKind::Protocol`].
#[must_use]
pub fn handshake_error(error: &std::io::Error, endpoint: &Endpoint) -> ConnectError {
    let peer = endpoint.host_and_port();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => rustls_error(error, endpoint),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!("{peer} closed the connection during the TLS handshake: check that this port expects TLS"),
        ),
        None => {
            let reason = excerpt(&error.to_string());
            ConnectError::new(
                ConnectErrorKind::Protocol,
                format!("the TLS handshake with {peer} failed ({reason}): check the port"),
            )
        }
    }
}

/// Converts an error of rustls, as [`handshake_error`] does.
#[must_use]
pub fn rustls_error(error: &Error, endpoint: &Endpoint) -> ConnectError {
    let peer = endpoint.host_and_port();
    let reason = excerpt(&error.to_string());
    let advice = if endpoint.is_loopback() {
        "pin it with `Trust::ExactCert` (`Builder::trust`)"
    } else {
        "trust its authority with `Trust::CaPem` (`Builder::trust`)"
    };
    match error {
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("the certificate of {peer} is not the pinned one: if it was replaced on purpose, {advice}"),
        ),
        Error::InvalidCertificate(CertificateError::BadSignature) => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("{peer} presents a certificate whose key it does not hold: check which program listens there"),
        ),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("the certificate of {peer} is not trusted ({reason}): if it is the expected one, {advice}"),
        ),
        Error::InvalidMessage(_) => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!(
                "{peer} does not speak TLS here ({reason}): check the port{}",
                if endpoint.is_loopback() {
                    ", or use ws:// (`Builder::plaintext_on_loopback`) for a gateway without TLS"
                } else {
                    ""
                }
            ),
        ),
        _ => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!("TLS with {peer} failed ({reason}): check which server listens on this port"),
        ),
    }
}

/// Converts the error of a [`Trust`] that cannot be used.
#[must_use]
pub fn trust_error(error: &TrustError) -> ConnectError {
    ConnectError::new(ConnectErrorKind::Trust, error.to_string())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::version::{TLS12, TLS13};
    use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

    use super::*;

    fn localhost() -> Endpoint {
        Endpoint::gateway("localhost", 5000).unwrap()
    }

    /// Returns a certificate that has expired and names no host, like the gateway's stock
    /// certificate.
    fn stock(algorithm: &'static rcgen::SignatureAlgorithm) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2019, 1, 1);
        (params.self_signed(&key).unwrap(), key)
    }

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], contents].concat()
    }

    /// Returns the same certificate as X.509 v1, without version and extensions. Its own signature
    /// is then invalid, which a pin ignores.
    fn as_version_1(der: &[u8]) -> Vec<u8> {
        let after_header = |der: &[u8]| if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
        let to_fields = after_header(der);
        let fields_at = to_fields + after_header(&der[to_fields..]);
        // The version is five bytes: [0] { INTEGER 2 }.
        assert_eq!(der[fields_at..fields_at + 5], [0xa0, 3, 2, 1, 2]);
        let key = PublicKey::of_certificate(der).unwrap().spki;
        let key_end = der.windows(key.len()).position(|window| window == key.as_ref()).unwrap() + key.len();
        let fields = element(0x30, &der[fields_at + 5..key_end]);
        let version_1 = element(0x30, &[&fields[..], &element(0x30, b"\x06\x01\x2a"), &[0x03, 1, 0]].concat());
        let parsed = CertificateDer::from(version_1.as_slice());
        assert!(
            rustls::server::ParsedCertificate::try_from(&parsed).is_err(),
            "rustls parses it, so the test proves nothing"
        );
        version_1
    }

    /// Presents a certificate without checking that it matches the key.
    #[derive(Debug)]
    struct Presents(Arc<CertifiedKey>);

    impl ResolvesServerCert for Presents {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }
    }

    /// Runs a handshake in memory, under `trust`, with a server that presents `certificate` and
    /// signs with `key`.
    fn handshake(
        trust: &Trust,
        certificate: &[u8],
        key: &rcgen::KeyPair,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), Error> {
        let provider = Arc::new(ring::default_provider());
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = provider.key_provider.load_private_key(private).unwrap();
        let presented = CertifiedKey::new(Vec::from([CertificateDer::from(certificate.to_vec())]), key);
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Presents(Arc::new(presented))));
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(trust.client_config(&localhost()).unwrap(), name).unwrap();
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            while client.write_tls(&mut bytes).unwrap() > 0 {}
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while server.write_tls(&mut bytes).unwrap() > 0 {}
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        assert_eq!(client.protocol_version(), Some(version.version));
        Ok(())
    }

    #[test]
    fn a_pin_accepts_an_expired_certificate_without_names_of_any_version_and_key() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let (certificate, key) = stock(algorithm);
            for der in [certificate.der().to_vec(), as_version_1(certificate.der())] {
                for version in [&TLS12, &TLS13] {
                    let pin = Trust::ExactCert(der.clone());
                    assert_eq!(handshake(&pin, &der, &key, version), Ok(()), "{algorithm:?} {version:?}");
                }
            }
        }
    }

    #[test]
    fn the_pinned_certificate_is_refused_from_a_peer_without_its_key() {
        let (certificate, _) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
        let (_, other_key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
        for der in [certificate.der().to_vec(), as_version_1(certificate.der())] {
            for version in [&TLS12, &TLS13] {
                let error = handshake(&Trust::ExactCert(der.clone()), &der, &other_key, version).unwrap_err();
                assert_eq!(error, CertificateError::BadSignature.into(), "{version:?}");
                assert_eq!(rustls_error(&error, &localhost()).kind, ConnectErrorKind::Trust);
            }
        }
    }

    #[test]
    fn a_certificate_that_differs_from_the_pin_in_one_byte_is_refused() {
        let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
        let mut presented = certificate.der().to_vec();
        *presented.last_mut().unwrap() ^= 1;
        let pin = Trust::ExactCert(certificate.der().to_vec());
        let error = handshake(&pin, &presented, &key, &TLS13).unwrap_err();
        let reported = rustls_error(&error, &localhost());
        assert_eq!(reported.kind, ConnectErrorKind::Trust);
        assert!(reported.detail.contains("not the pinned one"), "{reported}");
        assert!(reported.detail.contains("`Trust::ExactCert` (`Builder::trust`)"), "{reported}");
    }

    #[test]
    fn an_unknown_authority_is_reported_with_the_setting_that_accepts_it() {
        let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
        let error = handshake(&Trust::WebPki, certificate.der(), &key, &TLS13).unwrap_err();
        let reported = rustls_error(&error, &localhost());
        assert_eq!(reported.kind, ConnectErrorKind::Trust);
        assert!(reported.detail.contains("`Trust::ExactCert` (`Builder::trust`)"), "{reported}");
        let away = Endpoint::gateway("gateway.example", 5000).unwrap();
        assert!(rustls_error(&error, &away).detail.contains("`Trust::CaPem` (`Builder::trust`)"));
    }

    #[test]
    fn an_authority_is_accepted_for_the_names_in_its_certificate_only() {
        let key = rcgen::KeyPair::generate().unwrap();
        let named = |name: &str| rcgen::CertificateParams::new([name.to_string()]).unwrap().self_signed(&key).unwrap();
        let (here, elsewhere) = (named("localhost"), named("elsewhere"));
        let trust = Trust::CaPem([here.pem(), elsewhere.pem()].concat().into_bytes());
        assert_eq!(handshake(&trust, here.der(), &key, &TLS13), Ok(()));
        assert!(handshake(&trust, elsewhere.der(), &key, &TLS13).is_err());
    }

    #[test]
    fn bytes_that_are_not_one_certificate_are_refused_with_their_reason() {
        let pem = stock(&rcgen::PKCS_ECDSA_P256_SHA256).0.pem();
        let refused = |trust: Trust| trust.client_config(&localhost()).unwrap_err();
        let pin = |text: &str| refused(Trust::ExactCert(text.as_bytes().to_vec()));
        let key_only = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(pin(""), TrustError::NoCertificate { kind: PIN });
        assert_eq!(pin("hello"), TrustError::NoCertificate { kind: PIN });
        assert_eq!(pin(&key_only), TrustError::NoCertificate { kind: PIN });
        assert_eq!(pin(&[pem.as_str(), &pem].concat()), TrustError::SeveralCertificates { count: 2 });
        assert_eq!(pin(pem.split_at(100).0), TrustError::BadPem { kind: PIN });
        assert!(matches!(pin("0\u{2}ab"), TrustError::BadCertificate { kind: PIN, .. }));
        assert_eq!(refused(Trust::CaPem(Vec::new())), TrustError::NoCertificate { kind: CA });
        assert!(Trust::ExactCert([&key_only, pem.as_str()].concat().into_bytes()).client_config(&localhost()).is_ok());
        let away = Endpoint::gateway("10.0.0.1", 5000).unwrap();
        let error = Trust::ExactCert(pem.into_bytes()).client_config(&away).unwrap_err();
        assert_eq!(error, TrustError::PinNotLoopback { host: "10.0.0.1".into() });
        assert!(error.to_string().contains("`Trust::CaPem`"), "{error}");
    }
}
