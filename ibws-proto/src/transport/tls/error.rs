//! Converts errors of TLS to a [`ConnectError`].

use std::format;
use std::string::ToString;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::refused::Refused;
use crate::transport::{Endpoint, TrustError};
use crate::{ConnectError, ConnectErrorKind, excerpt};

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
/// A refused certificate becomes [`ConnectErrorKind::Trust`], with the setting that accepts it and,
/// if a pin would accept it, the certificate. Other errors of rustls, and a peer that closes,
/// become [`ConnectErrorKind::Protocol`].
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
    if let Error::InvalidCertificate(CertificateError::Other(other)) = error
        && let Some(refused) = other.0.downcast_ref::<Refused>()
    {
        let certificate = refused.certificate.clone();
        return ConnectError { certificate, ..ConnectError::new(ConnectErrorKind::Trust, refused.detail(endpoint)) };
    }
    let peer = endpoint.host_and_port();
    let reason = excerpt(&error.to_string());
    match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => ConnectError::new(
            ConnectErrorKind::Trust,
            format!("the certificate of {peer} cannot be used ({reason}): create a new one for the gateway"),
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
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | Error::AlertReceived(AlertDescription::ProtocolVersion) => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!(
                "{peer} offers no version of TLS that is accepted, which are 1.2 and 1.3: update the server, or enable \
                 one of them in its settings"
            ),
        ),
        _ => ConnectError::new(
            ConnectErrorKind::Protocol,
            format!("TLS with {peer} failed ({reason}): check which server listens on this port"),
        ),
    }
}

/// Converts the error of a [`Trust`](crate::transport::Trust) that cannot be used.
#[must_use]
pub fn trust_error(error: &TrustError) -> ConnectError {
    ConnectError::new(ConnectErrorKind::Trust, error.to_string())
}
