//! Who is trusted, as plain data; [`tls`](super::tls) turns it into a rustls configuration.

use core::fmt;
use std::string::String;
use std::vec::Vec;

/// Which certificates are accepted. There is no switch that accepts anything.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// Mozilla's root certificates, for `api.ibkr.com` and gateways with a public certificate.
    #[default]
    WebPki,
    /// The authorities in this PEM text, and no others. The host's name must be in the certificate.
    CaPem(Vec<u8>),
    /// This one certificate, byte for byte (PEM or DER), whatever its names and dates; loopback endpoints only.
    ///
    /// The way to trust the gateway's stock certificate, which names no host and has expired. Its key is public, so the
    /// pin says no more than that something on this machine holds that key; the handshake's signature is verified.
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

/// Why a [`Trust`] cannot be used; the text says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The bytes hold no certificate at all.
    #[error(
        "no certificate in the {kind}: give PEM (-----BEGIN CERTIFICATE-----) or, for a pin, DER; from a Java keystore: \
         keytool -exportcert -rfc"
    )]
    NoCertificate {
        /// What they were given as: `CA file` or `pin`.
        kind: &'static str,
    },
    /// A pin of several certificates.
    #[error("the pin holds {count} certificates: keep the server's own, the first of its chain, and remove the others")]
    SeveralCertificates {
        /// How many.
        count: usize,
    },
    /// PEM that breaks off, or is no base64.
    #[error("the {kind} is damaged PEM: export the certificate again")]
    BadPem {
        /// What it was given as: `CA file` or `pin`.
        kind: &'static str,
    },
    /// Bytes that are no X.509 certificate.
    #[error("the {kind} holds something that is no X.509 certificate ({reason}): export the certificate again")]
    BadCertificate {
        /// What it was given as: `CA file` or `pin`.
        kind: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// A pin for a host that is not this machine.
    #[error(
        "an exact pin is for this machine only (localhost, 127.0.0.1, [::1]), not for {host}: use its authority \
         (--trust ca:FILE) or a public certificate (--trust webpki)"
    )]
    PinNotLoopback {
        /// The host of the endpoint.
        host: String,
    },
    /// rustls refuses the configuration.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// What rustls says.
        reason: String,
    },
}
