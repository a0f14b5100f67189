//! Why a certificate was refused, and what to do about it.

use core::fmt;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use rustls::{CertificateError, Error, OtherError};

use crate::transport::Endpoint;
use crate::{UnknownCertificate, excerpt};

/// The size of the largest certificate that an error carries, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;

const PIN: &str = "pin it with `Trust::ExactCert` (`Builder::trust`)";

/// A refusal, as the inner error of an error of rustls.
#[derive(Debug)]
pub(super) struct Refused {
    reason: Reason,
    pub(super) certificate: Option<Arc<UnknownCertificate>>,
}

/// Why a certificate was refused.
#[derive(Debug)]
pub(super) enum Reason {
    /// Its private key is public, and the peer is not a loopback peer.
    Stock { is_shipped: bool },
    /// The private key of one of its issuers is public.
    StockIssuer,
    /// An RSA key of a size that no signature is accepted of.
    BadKeySize { bits: usize, is_issuer: bool },
    /// It is the stock certificate, for which no authority vouches.
    StockUnderAuthorities,
    /// It is not the pinned one.
    NotPinned,
    /// The file of the pin did not exist when the client was built.
    NothingPinned,
    /// It is not the stock certificate.
    NotStock,
    /// The peer does not hold its key.
    KeyNotHeld,
    /// The authorities of `setting` do not vouch for it.
    Chain { error: CertificateError, setting: &'static str, is_self_issued: bool, intermediates: usize },
}

impl Refused {
    /// A pin would not be accepted either.
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, certificate: None }
    }

    /// A pin of the certificate `der` would be accepted.
    pub(super) fn with_certificate(reason: Reason, der: &[u8]) -> Self {
        let fits = der.len() <= MAX_CERTIFICATE;
        Self { reason, certificate: fits.then(|| Arc::new(UnknownCertificate::from_der(der))) }
    }

    /// Returns one line that states what happened and what to do.
    pub(super) fn detail(&self, endpoint: &Endpoint) -> String {
        let (peer, host) = (endpoint.host_and_port(), endpoint.host());
        let sha256 = match &self.certificate {
            Some(certificate) => format!("its SHA-256 is {}", certificate.sha256),
            None => String::from("it is too large to show"),
        };
        match &self.reason {
            Reason::Stock { is_shipped } => {
                let what = if *is_shipped {
                    "IBKR's stock certificate, whose private key is public"
                } else {
                    "a certificate with the private key of a stock certificate, which is public"
                };
                format!(
                    "{peer} presents {what}, so anybody can present it, and it is accepted from loopback peers only: \
                     give the gateway a certificate of its own and pin that, or, if the network between is your own, \
                     declare so with `Trust::on_my_own_network`"
                )
            }
            Reason::StockIssuer => format!(
                "the certificate of {peer} was issued with the private key of a stock certificate, which is public, so \
                 anybody can issue it: give the gateway a certificate of another authority"
            ),
            Reason::BadKeySize { bits, is_issuer } => {
                let whose = if *is_issuer { "an issuer of the certificate" } else { "the certificate" };
                format!(
                    "the RSA key of {whose} of {peer} has {bits} bits, and 2048 to 8192 are accepted: create a new \
                     certificate with a key of 2048 bits"
                )
            }
            Reason::StockUnderAuthorities => format!(
                "{peer} presents IBKR's stock certificate, for which no authority vouches, {sha256}: accept it with \
                 `Trust::StockCertificate` (`Builder::trust`), or give the gateway a certificate of its own and {PIN}"
            ),
            Reason::NotPinned => format!(
                "the certificate of {peer} is not the pinned one, {sha256}: if it was replaced on purpose, compare \
                 that with the gateway's and {PIN}"
            ),
            Reason::NothingPinned => format!(
                "no certificate is pinned yet, and {peer} presents an unknown one, {sha256}: compare that with the \
                 gateway's, save the certificate to the file of `Builder::pin_file` (`UnknownCertificate::save`), and \
                 build the client again"
            ),
            Reason::NotStock => format!(
                "the certificate of {peer} is not IBKR's stock certificate, {sha256}: if the gateway has one of its \
                 own, compare that with it and {PIN}"
            ),
            Reason::KeyNotHeld => {
                format!("{peer} presents a certificate whose key it does not hold: check which program listens there")
            }
            Reason::Chain { error, setting, is_self_issued, intermediates } => {
                let (fault, advice) = chain(error, setting, host, *is_self_issued, *intermediates);
                format!("the certificate of {peer} {fault}, {sha256}: {advice}")
            }
        }
    }
}

/// Returns what is wrong with a certificate, and what to do.
fn chain(
    error: &CertificateError,
    setting: &str,
    host: &str,
    is_self_issued: bool,
    intermediates: usize,
) -> (String, String) {
    use CertificateError as E;
    #[expect(deprecated, reason = "the library that verifies chains still returns it")]
    match error {
        E::UnknownIssuer if is_self_issued => (
            format!("is self-signed and not trusted by {setting}"),
            format!("if it is the gateway's, compare that with it and {PIN}"),
        ),
        E::UnknownIssuer => (
            format!(
                "has an issuer that is not among the authorities of {setting}, and came with {intermediates} \
                 certificates of issuers"
            ),
            format!("trust its authority with `Trust::CaPem`, let the server send its whole chain, or {PIN}"),
        ),
        E::ExpiredContext { time, not_after } => (
            format!("expired {} ago", span(time.as_secs().saturating_sub(not_after.as_secs()))),
            format!("create a new one, check the clock of this machine, or {PIN}, which ignores dates"),
        ),
        E::NotValidYetContext { time, not_before } => (
            format!("is not valid before {} from now", span(not_before.as_secs().saturating_sub(time.as_secs()))),
            format!("check the clocks of this machine and of its authority, or {PIN}, which ignores dates"),
        ),
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            String::from("names no host (it has no subjectAltName)"),
            format!("create one that names {host}, or {PIN}, which ignores names"),
        ),
        E::NotValidForNameContext { presented, .. } => (
            format!("names {} and not {host}", excerpt(&names(presented))),
            format!("connect by a name that it has, create one that names {host}, or {PIN}, which ignores names"),
        ),
        E::BadSignature => (
            String::from("is not signed with the key of the authority that it names"),
            format!("trust the authority that issued it with `Trust::CaPem`, or {PIN}"),
        ),
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            String::from("is signed with an algorithm that is not accepted, such as SHA-1"),
            format!("create one that is signed with SHA-256, or {PIN}, which ignores signatures of issuers"),
        ),
        // The library that verifies chains has no public type for this; its text is its name.
        E::Other(OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => (
            String::from("is one of an authority (CA:TRUE), which a server cannot present under an authority"),
            format!("{PIN}, or create one without CA:TRUE"),
        ),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => (
            String::from("was issued for another purpose than a server"),
            format!("create one for servers (extendedKeyUsage serverAuth), or {PIN}"),
        ),
        other => (
            format!("is not accepted by {setting} ({})", excerpt(&other.to_string())),
            format!("create a new one, or, if it is the gateway's, compare that with it and {PIN}"),
        ),
    }
}

/// Joins the names of a certificate, which rustls lists as `DnsName("gateway.example")`.
fn names(presented: &[String]) -> String {
    let plain = |listed: &String| {
        let inner = listed.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
        inner.map_or(listed.as_str(), |inner| inner.trim_matches('"')).to_string()
    };
    presented.iter().map(plain).collect::<Vec<_>>().join(", ")
}

/// Returns a number of seconds in the largest unit that it fills.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        172_800.. => (seconds / 86_400, "days"),
        7_200.. => (seconds / 3_600, "hours"),
        120.. => (seconds / 60, "minutes"),
        _ => (seconds, "seconds"),
    };
    format!("{count} {unit}")
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.reason)
    }
}

impl core::error::Error for Refused {}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_written_in_the_largest_unit_of_which_it_has_two() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
