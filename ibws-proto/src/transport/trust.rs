//! The certificates to accept, as plain data; [`tls`](super::tls) makes a rustls configuration of
//! it.

use core::fmt;
use std::string::String;
use std::vec::Vec;

/// The certificates that are accepted. No variant accepts every certificate.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// Mozilla's root certificates, for `api.ibkr.com` and gateways with a public certificate.
    #[default]
    WebPki,
    /// The authorities in this PEM text, and no others. The certificate must name the host.
    CaPem(Vec<u8>),
    /// This one certificate, byte for byte (PEM or DER), whatever its names and dates; for loopback
    /// endpoints only.
    ///
    /// Only a pin can match the gateway's stock certificate, which names no host and has expired
    /// (docs/protocol.md §1.7). Its key is public, so the pin proves only that a process on this
    /// machine holds that key. The signature of the handshake is verified.
    ExactCert(Vec<u8>),
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPki => f.write_str("WebPki"),
            Self::CaPem(bytes) => write!(f, "CaPem({} bytes)", bytes.len()),
            Self::ExactCert(bytes) => write!(f, "ExactCert({} bytes)", bytes.len()),
        }
    }
}

/// A [`Trust`] that cannot be used. The text states what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The bytes hold no certificate.
    #[error(
        "the {kind} holds no certificate: pass PEM (-----BEGIN CERTIFICATE-----) or, for a pin, DER; keytool \
         -exportcert -rfc exports PEM from a Java keystore"
    )]
    NoCertificate {
        /// The use of the bytes: `CA file` or `pin`.
        kind: &'static str,
    },
    /// The pin holds several certificates.
    #[error("the pin holds {count} certificates: keep the server's own, the first of its chain, and remove the others")]
    SeveralCertificates {
        /// The number of certificates.
        count: usize,
    },
    /// The PEM text is incomplete or not base64.
    #[error("the {kind} is damaged PEM: export the certificate again")]
    BadPem {
        /// The use of the bytes: `CA file` or `pin`.
        kind: &'static str,
    },
    /// The bytes are not an X.509 certificate.
    #[error("the {kind} holds bytes that are not an X.509 certificate ({reason}): export the certificate again")]
    BadCertificate {
        /// The use of the bytes: `CA file` or `pin`.
        kind: &'static str,
        /// The message of the parser.
        reason: String,
    },
    /// The endpoint of an exact pin is not a loopback host.
    #[error(
        "an exact pin is valid for loopback hosts only (localhost, 127.0.0.0/8, [::1]), not for {host}: use \
         `Trust::CaPem` with its authority, or `Trust::WebPki` with a public certificate"
    )]
    PinNotLoopback {
        /// The host of the endpoint.
        host: String,
    },
    /// rustls refused the configuration.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// The message of rustls.
        reason: String,
    },
}
