//! The certificates whose private key is public: IBKR's stock certificate, and others by
//! declaration.

use std::vec::Vec;

use super::certificate::sha256;
use super::public_key::PublicKey;
use crate::transport::Fingerprint;

/// The SHA-256 of the stock certificate (docs/protocol.md §1.7).
const CERTIFICATE: Fingerprint = Fingerprint::from_bytes([
    0x13, 0xda, 0xf8, 0x9a, 0x07, 0x12, 0xb9, 0x62, 0xc3, 0xec, 0xaa, 0x5e, 0xde, 0x34, 0x41, 0x00, 0xae, 0xe0, 0xd3,
    0xb5, 0xde, 0xc5, 0xa7, 0x9a, 0xbd, 0x76, 0x02, 0xa8, 0x12, 0xed, 0xa3, 0xbe,
]);

/// The SHA-256 of its public key info (docs/protocol.md §1.7). Whoever has the key can issue other
/// certificates with it.
const KEY: Fingerprint = Fingerprint::from_bytes([
    0x42, 0x81, 0xf6, 0xfb, 0x02, 0x28, 0x70, 0x4f, 0x37, 0x66, 0x44, 0x78, 0xfe, 0x8c, 0xa7, 0xe6, 0xbb, 0xb6, 0x26,
    0xd1, 0x3e, 0xfd, 0x9a, 0xd8, 0x4b, 0xd6, 0xeb, 0x36, 0x3b, 0xa3, 0x95, 0xd5,
]);

/// The certificates that count as stock, by their hashes.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    /// The certificates that `Trust::StockCertificate` accepts.
    certificates: Vec<Fingerprint>,
    /// The public key infos that are accepted from loopback peers only.
    keys: Vec<Fingerprint>,
}

impl Stock {
    /// Returns the certificate that IBKR ships.
    pub(super) fn shipped() -> Self {
        Self { certificates: Vec::from([CERTIFICATE]), keys: Vec::from([KEY]) }
    }

    /// Returns `true` if `Trust::StockCertificate` accepts the certificate `der`.
    pub(super) fn is_certificate(&self, der: &[u8]) -> bool {
        self.certificates.contains(&sha256(der))
    }

    /// Returns `true` if the private key of `key` is public.
    pub(super) fn has_key_of(&self, key: &PublicKey) -> bool {
        self.keys.contains(&sha256(&key.spki))
    }

    /// Counts the private key of `key` as public.
    pub(super) fn add(&mut self, key: &PublicKey) {
        self.keys.push(sha256(&key.spki));
    }

    /// Returns `der` in the place of the certificate that IBKR ships, whose private key is not in
    /// this project.
    #[cfg(test)]
    pub(super) fn stand_in(der: &[u8]) -> Self {
        let key = PublicKey::of_certificate(der).expect("a certificate");
        Self { certificates: Vec::from([sha256(der)]), keys: Vec::from([sha256(&key.spki)]) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// The numbers are copied by hand from docs/protocol.md §1.7, which must agree.
    #[test]
    fn the_hashes_are_those_of_the_document() {
        let document = include_str!("../../../docs/protocol.md");
        assert!(document.contains(&CERTIFICATE.to_string()), "{CERTIFICATE}");
        assert!(document.contains(&KEY.to_string().replace(':', "").to_lowercase()), "{KEY}");
    }
}
