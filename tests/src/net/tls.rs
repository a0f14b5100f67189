//! The certificate of a server, made at each start, so that the repository contains no private key.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A self-signed certificate and the TLS configuration that shows it.
pub(super) struct Identity {
    pub(super) der: Vec<u8>,
    pub(super) config: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn make() -> Result<Self, String> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        Self::of(made.cert.der().to_vec(), made.signing_key.serialize_der())
    }

    /// Makes an expired certificate without a name, like the stock certificate of a real gateway.
    /// Only an exact pin matches it.
    pub(super) fn stock() -> Result<Self, String> {
        let text = |error: rcgen::Error| error.to_string();
        let key = rcgen::KeyPair::generate().map_err(text)?;
        let mut params = rcgen::CertificateParams::new(Vec::new()).map_err(text)?;
        params.not_after = rcgen::date_time_ymd(2019, 1, 1);
        let certificate = params.self_signed(&key).map_err(text)?;
        Self::of(certificate.der().to_vec(), key.serialize_der())
    }

    fn of(der: Vec<u8>, key: Vec<u8>) -> Result<Self, String> {
        let key = PrivatePkcs8KeyDer::from(key);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![CertificateDer::from(der.clone())], key.into())
            })
            .map_err(|error| error.to_string())?;
        Ok(Self { der, config: Arc::new(config) })
    }

    pub(super) fn sha256(&self) -> String {
        // rustls has SHA-256 for this suite, which saves a dependency.
        let hash = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().map(|suite| {
            suite.common.hash_provider.hash(&self.der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        });
        hash.unwrap_or_default()
    }

    pub(super) fn pem(&self) -> String {
        let text = base64(&self.der);
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
        let body: Vec<String> = lines.collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.join("\n"))
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        let texts = [&b"f"[..], b"fo", b"foo", b"foobar"].map(base64);
        assert_eq!(texts, ["Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]);
    }
}
