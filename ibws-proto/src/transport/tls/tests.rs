//! Handshakes in memory under each kind of trust.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;
use crate::transport::Fingerprint;

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

fn address(text: &str) -> Peer {
    Peer::Gateway(text.parse().unwrap())
}

fn loopback() -> Peer {
    address("127.0.0.1:5000")
}

/// Runs a handshake in memory, under `trust`, with a server on loopback that presents `certificate`
/// and signs with `key`.
fn handshake(
    trust: &Trust,
    certificate: &[u8],
    key: &rcgen::KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Result<(), Error> {
    let config = trust.client_config(loopback()).unwrap();
    handshake_under(config, certificate, key, version)
}

fn handshake_under(
    config: Arc<ClientConfig>,
    certificate: &[u8],
    key: &rcgen::KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Result<(), Error> {
    let provider = Arc::new(ring::default_provider());
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(private).unwrap();
    let presented = CertifiedKey::new(Vec::from([CertificateDer::from(certificate.to_vec())]), key);
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let server = builder.with_no_client_auth().with_cert_resolver(Arc::new(Presents(Arc::new(presented))));
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
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

/// Returns the error that a refused handshake becomes.
fn reported(result: Result<(), Error>) -> ConnectError {
    rustls_error(&result.unwrap_err(), &localhost())
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
            let error = reported(handshake(&Trust::ExactCert(der.clone()), &der, &other_key, version));
            assert_eq!((error.kind, error.certificate), (ConnectErrorKind::Trust, None), "{version:?}");
            assert!(error.detail.contains("a certificate whose key it does not hold"), "{}", error.detail);
        }
    }
}

#[test]
fn a_certificate_that_differs_from_the_pin_in_one_bit_is_refused_and_shown() {
    let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut presented = certificate.der().to_vec();
    *presented.last_mut().unwrap() ^= 1;
    let fingerprint = Fingerprint::of_certificate(certificate.der());
    for pin in [Trust::ExactCert(certificate.der().to_vec()), Trust::ExactSha256(fingerprint)] {
        assert_eq!(handshake(&pin, certificate.der(), &key, &TLS13), Ok(()));
        let error = reported(handshake(&pin, &presented, &key, &TLS13));
        assert_eq!(error.kind, ConnectErrorKind::Trust);
        let shown = error.certificate.clone().expect("a certificate to show");
        assert_eq!(*shown.sha256, *Fingerprint::of_certificate(&presented).to_string());
        for part in ["not the pinned one", "`Trust::ExactCert` (`Builder::trust`)", &shown.sha256] {
            assert!(error.detail.contains(part), "{part} is not in {error}");
        }
        // What the error carries is a pin of what was presented.
        assert_eq!(handshake(&shown.pin(), &presented, &key, &TLS13), Ok(()));
    }
}

#[test]
fn the_stock_certificate_is_accepted_from_loopback_peers_or_by_declaration() {
    let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let der = certificate.der().to_vec();
    // Whoever has the key can issue another certificate with it.
    let same_key = rcgen::CertificateParams::new(["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let stock_of = |trust: &Trust, peer| trust.client_config_with(peer, Stock::stand_in(&der)).unwrap();
    let elsewhere = [address("192.0.2.1:5000"), address("[2001:db8::1]:5000"), Peer::Proxy, Peer::Unknown];
    for (presented, trusts) in [
        (
            certificate.der(),
            vec![
                Trust::ExactCert(der.clone()),
                Trust::ExactSha256(Fingerprint::of_certificate(&der)),
                Trust::StockCertificate,
            ],
        ),
        (
            same_key.der(),
            vec![
                Trust::ExactCert(same_key.der().to_vec()),
                Trust::ExactSha256(Fingerprint::of_certificate(same_key.der())),
            ],
        ),
    ] {
        for trust in trusts {
            let mine = trust.clone().on_my_own_network();
            for peer in [loopback(), address("[::1]:5000"), address("[::ffff:127.0.0.1]:5000")] {
                assert_eq!(handshake_under(stock_of(&trust, peer), presented, &key, &TLS13), Ok(()), "{trust:?}");
            }
            for peer in elsewhere {
                let error = reported(handshake_under(stock_of(&trust, peer), presented, &key, &TLS13));
                assert_eq!((error.kind, error.certificate), (ConnectErrorKind::Trust, None), "{trust:?} {peer:?}");
                for part in ["stock certificate", "loopback peers only", "certificate of its own", "on_my_own_network`"]
                {
                    assert!(error.detail.contains(part), "{part} is not in {}", error.detail);
                }
                assert_eq!(handshake_under(stock_of(&mine, peer), presented, &key, &TLS13), Ok(()), "{mine:?}");
            }
        }
    }
}

#[test]
fn the_trust_in_the_stock_certificate_accepts_no_other() {
    let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let (other, other_key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let same_key = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let stand_in = || Stock::stand_in(certificate.der());
    for (presented, key) in [(other.der(), &other_key), (same_key.der(), &key)] {
        let config = Trust::StockCertificate.client_config_with(loopback(), stand_in()).unwrap();
        let error = reported(handshake_under(config, presented, key, &TLS13));
        assert!(error.detail.contains("not IBKR's stock certificate, its SHA-256 is "), "{error}");
        assert!(error.certificate.is_some());
        // To count as stock is a restriction and no trust.
        let declared = Trust::StockCertificate.treat_as_stock(presented.to_vec());
        let config = declared.client_config_with(loopback(), stand_in()).unwrap();
        assert!(handshake_under(config, presented, key, &TLS13).is_err());
    }
    // The real one is another than the stand-in.
    let error = reported(handshake(&Trust::StockCertificate, certificate.der(), &key, &TLS13));
    assert!(error.detail.contains("not IBKR's stock certificate"), "{error}");
}

#[test]
fn a_stock_key_vouches_for_nothing() {
    let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let pem = Trust::CaPem(certificate.pem().into_bytes());
    for trust in [pem.clone().treat_as_stock(certificate.der().to_vec()), pem.clone().treat_as_stock(certificate.pem())]
    {
        assert_eq!(trust.check(), Err(TrustError::StockAuthority));
        assert_eq!(trust.on_my_own_network().check(), Err(TrustError::StockAuthority));
    }
    // An authority that issues a certificate for the stock key vouches for nobody either.
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let params = rcgen::CertificateParams::new(["localhost".to_string()]).unwrap();
    let issued = params.signed_by(&key, &issuer).unwrap();
    let trust = Trust::CaPem(authority_pem.into_bytes());
    assert_eq!(handshake(&trust, issued.der(), &key, &TLS13), Ok(()));
    let config = trust.treat_as_stock(issued.der().to_vec()).client_config(address("192.0.2.1:5000")).unwrap();
    let error = reported(handshake_under(config, issued.der(), &key, &TLS13));
    assert!(error.detail.contains("private key of a stock certificate, which is public"), "{error}");
}

#[test]
fn an_unknown_authority_is_reported_with_the_settings_that_accept_it() {
    let (certificate, key) = stock(&rcgen::PKCS_ECDSA_P256_SHA256);
    let config = Trust::WebPki.client_config_with(loopback(), Stock::stand_in(certificate.der())).unwrap();
    let error = reported(handshake_under(config, certificate.der(), &key, &TLS13));
    assert!(error.detail.contains("accept it with `Trust::StockCertificate` (`Builder::trust`)"), "{error}");
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let error = reported(handshake(&Trust::WebPki, certificate.der(), &key, &TLS13));
    assert_eq!(error.kind, ConnectErrorKind::Trust);
    assert!(error.detail.contains("is self-signed and not trusted by `Trust::WebPki`"), "{error}");
    assert!(error.detail.contains("`Trust::ExactCert` (`Builder::trust`)"), "{error}");
    assert!(error.certificate.is_some_and(|shown| *shown.pem == *certificate.pem().replace("\r\n", "\n")));
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
    let refused = |trust: Trust| trust.check().unwrap_err();
    let pin = |text: &str| refused(Trust::ExactCert(text.as_bytes().to_vec()));
    let key_only = rcgen::KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(pin(""), TrustError::NoCertificate { kind: PIN });
    assert_eq!(pin("hello"), TrustError::NoCertificate { kind: PIN });
    assert_eq!(pin(&key_only), TrustError::NoCertificate { kind: PIN });
    assert_eq!(pin(&[pem.as_str(), &pem].concat()), TrustError::SeveralCertificates { kind: PIN, count: 2 });
    assert_eq!(pin(pem.split_at(100).0), TrustError::BadPem { kind: PIN });
    assert!(matches!(pin("0\u{2}ab"), TrustError::BadCertificate { kind: PIN, .. }));
    assert_eq!(refused(Trust::CaPem(Vec::new())), TrustError::NoCertificate { kind: CA });
    assert!(Trust::ExactCert([&key_only, pem.as_str()].concat().into_bytes()).check().is_ok());
    // A pin is valid wherever the gateway is.
    assert!(Trust::ExactCert(pem.into_bytes()).client_config(address("10.0.0.1:5000")).is_ok());
}
