//! The certificates to accept, as plain data; [`tls`](super::tls) makes a rustls configuration of
//! it.

use core::fmt;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::fingerprint::Fingerprint;

/// The certificates that are accepted. No variant accepts every certificate.
///
/// A pin ([`ExactCert`](Self::ExactCert), [`ExactSha256`](Self::ExactSha256)) accepts one
/// certificate, whatever its names and dates, from any host. The peer proves in the handshake that
/// it holds the private key, so a pin is as safe as that key is private.
///
/// # The stock certificate
///
/// IBKR ships the gateway with one certificate and its private key, the same for everybody
/// (docs/protocol.md §1.7). **A pin of the stock certificate proves nothing but the address**: the
/// peer listens where the client connected to. It is therefore accepted from loopback peers only,
/// under every variant, and so is every other certificate with the same key. What counts is the
/// address to which the connection was made, not the name of the host. A peer behind a proxy is
/// never a loopback peer.
///
/// On another machine, give the gateway a certificate of its own and pin that, or declare with
/// [`on_my_own_network`](Self::on_my_own_network) that nobody else is on the network between.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// Mozilla's root certificates, for `api.ibkr.com` and gateways with a public certificate.
    #[default]
    WebPki,
    /// The authorities in this PEM text, and no others. The certificate must name the host.
    ///
    /// A self-signed certificate that names the host and has no `CA:TRUE` is its own authority.
    CaPem(Vec<u8>),
    /// This one certificate, byte for byte (PEM or DER), whatever its names and dates.
    ExactCert(Vec<u8>),
    /// The one certificate with this SHA-256, whatever its names and dates.
    ExactSha256(Fingerprint),
    /// IBKR's stock certificate, known by its SHA-256; from loopback peers only.
    StockCertificate,
    /// Like the inner trust, and the stock certificate is accepted from other machines as well,
    /// where the inner trust accepts it. [`on_my_own_network`](Self::on_my_own_network) makes it.
    OnMyOwnNetwork(Box<Trust>),
    /// Like the inner trust, and `certificate` (PEM or DER) counts as a stock certificate.
    /// [`treat_as_stock`](Self::treat_as_stock) makes it.
    TreatAsStock {
        /// The certificate whose private key is not private.
        certificate: Vec<u8>,
        /// The certificates that are accepted.
        trust: Box<Trust>,
    },
}

impl Trust {
    /// Declares that the network between this machine and the gateway is the user's own, such as a
    /// network of containers, so that nobody else can present the stock certificate on it.
    ///
    /// The stock certificate is then accepted from every address, if the trust accepts it at all.
    /// If the declaration is wrong, whoever is on that network can read and change everything,
    /// the session included.
    #[must_use]
    pub fn on_my_own_network(self) -> Self {
        Self::OnMyOwnNetwork(Box::new(self))
    }

    /// Counts `certificate` (PEM or DER), and every other certificate with its key, as a stock
    /// certificate, because its private key is not private: an image for containers that ships
    /// both, for example. It is then accepted from loopback peers only.
    ///
    /// This narrows what is accepted. It does not add the certificate to
    /// [`StockCertificate`](Self::StockCertificate).
    #[must_use]
    pub fn treat_as_stock(self, certificate: impl Into<Vec<u8>>) -> Self {
        Self::TreatAsStock { certificate: certificate.into(), trust: Box::new(self) }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPki => f.write_str("WebPki"),
            Self::CaPem(bytes) => write!(f, "CaPem({} bytes)", bytes.len()),
            Self::ExactCert(bytes) => write!(f, "ExactCert({} bytes)", bytes.len()),
            Self::ExactSha256(fingerprint) => write!(f, "ExactSha256({fingerprint})"),
            Self::StockCertificate => f.write_str("StockCertificate"),
            Self::OnMyOwnNetwork(trust) => write!(f, "OnMyOwnNetwork({trust:?})"),
            Self::TreatAsStock { certificate, trust } => {
                write!(f, "TreatAsStock({} bytes, {trust:?})", certificate.len())
            }
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
        /// The use of the bytes: `CA file`, `pin` or `stock certificate`.
        kind: &'static str,
    },
    /// The pin holds several certificates.
    #[error(
        "the {kind} holds {count} certificates: keep the server's own, the first of its chain, and remove the others"
    )]
    SeveralCertificates {
        /// The use of the bytes: `pin` or `stock certificate`.
        kind: &'static str,
        /// The number of certificates.
        count: usize,
    },
    /// The PEM text is incomplete or not base64.
    #[error("the {kind} is damaged PEM, or cut off: export the certificate again")]
    BadPem {
        /// The use of the bytes: `CA file`, `pin` or `stock certificate`.
        kind: &'static str,
    },
    /// The bytes are not an X.509 certificate.
    #[error("the {kind} holds bytes that are not an X.509 certificate ({reason}): export the certificate again")]
    BadCertificate {
        /// The use of the bytes: `CA file`, `pin` or `stock certificate`.
        kind: &'static str,
        /// The message of the parser.
        reason: String,
    },
    /// The key of a certificate is too short, or too long, for any handshake to succeed.
    #[error(
        "the {kind} holds a certificate whose RSA key has {bits} bits, and 2048 to 8192 are accepted: create a new \
         certificate with a key of 2048 bits"
    )]
    BadKeySize {
        /// The use of the bytes: `CA file` or `pin`.
        kind: &'static str,
        /// The size of the key in bits.
        bits: usize,
    },
    /// The CA file holds a certificate whose key is public.
    #[error(
        "the CA file holds a stock certificate, whose private key is public, so anybody can issue certificates with \
         it: remove it, and accept the stock certificate itself with `Trust::StockCertificate`"
    )]
    StockAuthority,
    /// A file cannot be read, or what it holds cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The path of the file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// rustls refused the configuration.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// The message of rustls.
        reason: String,
    },
}
