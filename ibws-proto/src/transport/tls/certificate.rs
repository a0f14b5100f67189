//! Certificates as people see them: the fingerprint and the PEM text.

use std::string::{String, ToString};

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use crate::UnknownCertificate;
use crate::transport::{Fingerprint, Trust};

/// Number of characters of a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;

/// Returns the SHA-256 of `bytes`.
pub(super) fn sha256(bytes: &[u8]) -> Fingerprint {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    Fingerprint::from_bytes(hash)
}

impl Fingerprint {
    /// Returns the fingerprint of the certificate `der`.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        sha256(der)
    }
}

impl UnknownCertificate {
    /// Describes the certificate `der`.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        let text = BASE64.encode(der);
        let lines = text.len().div_ceil(PEM_LINE);
        let mut pem = String::with_capacity(text.len().saturating_add(lines).saturating_add(64));
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, character) in text.chars().enumerate() {
            if index > 0 && index % PEM_LINE == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
        Self::new(sha256(der).to_string(), pem)
    }

    /// Returns the trust in exactly this certificate, for a user who approved it.
    #[must_use]
    pub fn pin(&self) -> Trust {
        Trust::ExactCert(self.pem.as_bytes().to_vec())
    }
}
