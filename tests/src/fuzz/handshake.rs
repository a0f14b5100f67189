//! A TLS server in memory, with a certificate like the stock one of the gateway: it has expired and
//! names no host.

use std::sync::{Arc, OnceLock};

use rcgen::{CertificateParams, KeyPair, PublicKeyData, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};

use crate::walk::ByteSource;

/// A private key in PKCS #8 (RFC 8410 §7): this head, and 32 bytes that are the key.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// The key. It is always the same one, so that an input has the same meaning in each run.
const KEY: [u8; 32] = *b"the key of the server of a test.";

/// The server, with its key and its certificate.
pub(super) struct Server {
    certificate: Vec<u8>,
    public_key: Vec<u8>,
    signing: Arc<dyn SigningKey>,
}

impl Server {
    /// The one server of all runs.
    pub(super) fn stock() -> &'static Self {
        static STOCK: OnceLock<Server> = OnceLock::new();
        STOCK.get_or_init(|| Self::make().unwrap_or_else(|error| panic!("{error}")))
    }

    fn make() -> Result<Self, Box<dyn std::error::Error>> {
        let private = PrivatePkcs8KeyDer::from([&PKCS8_HEAD[..], &KEY].concat());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&private, &rcgen::PKCS_ED25519)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.not_after = date_time_ymd(2019, 1, 1);
        let certificate = params.self_signed(&key)?.der().to_vec();
        let signing = ring::default_provider().key_provider.load_private_key(PrivateKeyDer::from(private))?;
        Ok(Self { certificate, public_key: key.der_bytes().to_vec(), signing })
    }

    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Presents a certificate to a client, which need not be that of the server's key.
    ///
    /// # Errors
    /// The reason for which the client refuses it.
    pub(super) fn handshake(&self, client: Arc<ClientConfig>, presented: &[u8], is_tls12: bool) -> Result<(), Error> {
        let chain = vec![CertificateDer::from(presented.to_vec())];
        let presents = Presents(Arc::new(CertifiedKey::new(chain, self.signing.clone())));
        let version = if is_tls12 { &TLS12 } else { &TLS13 };
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_protocol_versions(&[version])?.with_no_client_auth();
        let mut server = ServerConnection::new(Arc::new(config.with_cert_resolver(Arc::new(presents))))?;
        let name = ServerName::try_from("localhost").unwrap_or_else(|error| panic!("{error}"));
        let mut client = ClientConnection::new(client, name)?;
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            while client.write_tls(&mut bytes).is_ok_and(|written| written > 0) {}
            let mut rest = bytes.as_slice();
            while server.read_tls(&mut rest).is_ok_and(|read| read > 0) {
                server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while server.write_tls(&mut bytes).is_ok_and(|written| written > 0) {}
            assert!(!bytes.is_empty(), "the handshake stands still");
            let mut rest = bytes.as_slice();
            while client.read_tls(&mut rest).is_ok_and(|read| read > 0) {
                client.process_new_packets()?;
            }
        }
        Ok(())
    }
}

/// Presents a certificate without checking that it matches the key.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The certificate of the server with up to seven edits that `bytes` decide: a byte that is
/// changed, inserted or removed, or an end that is cut off.
pub(super) fn edited(bytes: &mut ByteSource<'_>) -> Vec<u8> {
    let mut der = Server::stock().certificate().to_vec();
    for _ in 0..bytes.below(8) {
        if der.is_empty() {
            break;
        }
        let at = (usize::from(bytes.byte()) << 8 | usize::from(bytes.byte())) % der.len();
        match bytes.below(4) {
            0 => der[at] = bytes.byte(),
            1 => der[at] ^= 1 << bytes.below(8),
            2 => der.insert(at, bytes.byte()),
            _ if bytes.chance(32) => der.truncate(at),
            _ => drop(der.remove(at)),
        }
    }
    der
}
