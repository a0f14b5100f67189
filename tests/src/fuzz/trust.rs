//! Uses arbitrary bytes as pins and authorities, and as certificates in a handshake.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ibws_proto::transport::{Endpoint, Trust, TrustError, dial::Peer, tls};
use rustls::ClientConfig;

use super::check_text;
use super::handshake::{Server, edited};
use crate::walk::ByteSource;

/// The first byte selects what the rest is:
///
/// * a pin and a file of authorities, as it is;
/// * edits of a certificate. As PEM, however it is wrapped, it must be accepted or refused as it is
///   as DER; and twice it is refused;
/// * edits of two certificates, one pinned and one presented by a server in a TLS handshake. The
///   handshake must fail unless both are the same and hold the key of the server; it must succeed
///   if neither was edited.
///
/// # Panics
/// If one of these does not hold.
pub fn trust(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    match first % 3 {
        0 => {
            drop(config(&Trust::ExactCert(rest.to_vec())));
            drop(config(&Trust::CaPem(rest.to_vec())));
        }
        1 => pem_is_der(&mut ByteSource::new(rest)),
        _ => handshake(&mut ByteSource::new(rest)),
    }
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint::gateway(name, 5_000).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes the configuration, and checks what holds for every trust.
fn config(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let shown = format!("{trust:?}");
    assert!(shown.len() < 40 && shown.ends_with(" bytes)"), "{shown}");
    let loopback = Peer::Gateway((Ipv4Addr::LOCALHOST, 5_000).into());
    let config = trust.client_config(loopback);
    match &config {
        Ok(config) => assert_eq!(config.alpn_protocols, [b"http/1.1"]),
        Err(error) => {
            check_text(error);
            check_text(&tls::trust_error(error));
        }
    }
    // Whether a trust can be used does not depend on the peer.
    assert_eq!(trust.client_config(Peer::Unknown).err(), config.as_ref().err().cloned());
    config
}

fn pem_is_der(bytes: &mut ByteSource<'_>) {
    let (width, end) = (1 + bytes.below(80), if bytes.chance(64) { "\r\n" } else { "\n" });
    let before = String::from_utf8_lossy(bytes.bytes(32)).replace('-', "");
    let der = edited(bytes);
    // Bytes that look like PEM are read as PEM, and bytes that begin with something else than a
    // SEQUENCE are not taken for DER.
    if der.first() != Some(&0x30) || der.windows(5).any(|window| window == b"-----") {
        return;
    }
    let one = pem(&der, width, end);
    let as_der = config(&Trust::ExactCert(der)).err();
    for text in [one.clone(), format!("{before}{end}{one}{before}")] {
        assert_eq!(config(&Trust::ExactCert(text.into_bytes())).err(), as_der);
    }
    let twice = config(&Trust::ExactCert(format!("{one}{one}").into_bytes())).err();
    assert_eq!(twice, Some(TrustError::SeveralCertificates { kind: "pin", count: 2 }));
    let authority = config(&Trust::CaPem(one.clone().into_bytes())).err();
    assert_eq!(config(&Trust::CaPem(format!("{before}{end}{one}{one}").into_bytes())).err(), authority);
    // Without its end the text holds no certificate.
    let cut = one.rsplit_once("-----END").map_or("", |(begin, _)| begin);
    assert!(config(&Trust::ExactCert(cut.into())).is_err());
}

/// Writes a certificate as PEM (RFC 7468) with lines of `width` characters.
fn pem(der: &[u8], width: usize, end: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for group in der.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = char::from(ALPHABET[bits >> (18 - 6 * place) & 0x3f]);
            base64.push(if place <= group.len() { digit } else { '=' });
        }
    }
    let mut text = format!("-----BEGIN CERTIFICATE-----{end}");
    for line in base64.as_bytes().chunks(width) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push_str(end);
    }
    text + "-----END CERTIFICATE-----" + end
}

fn handshake(bytes: &mut ByteSource<'_>) {
    let is_tls12 = bytes.chance(128);
    let is_same = bytes.chance(128);
    let pinned = edited(bytes);
    let presented = if is_same { pinned.clone() } else { edited(bytes) };
    let Ok(client) = config(&Trust::ExactCert(pinned.clone())) else { return };
    let server = Server::stock();
    let result = server.handshake(client, &presented, is_tls12);
    if pinned == server.certificate() && presented == pinned {
        assert_eq!(result, Ok(()), "the pinned certificate is refused");
    }
    match result {
        Ok(()) => {
            assert_eq!(pinned, presented, "another certificate is accepted");
            let key = server.public_key();
            assert!(pinned.windows(key.len()).any(|window| window == key), "a server without the key is accepted");
        }
        Err(error) => check_text(&tls::rustls_error(&error, &endpoint("localhost"))),
    }
}
