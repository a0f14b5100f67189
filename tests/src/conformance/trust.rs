//! Certificates, right and wrong: the right ones open a WebSocket, and for the others nothing of
//! HTTP is sent, and the error states what is wrong and what to do.
//!
//! These stories are about TLS and return an empty trace without it.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::io::{Read, Write as _};
use std::net::TcpListener;

use ibws_proto::transport::{DialRequest, Endpoint, Fingerprint, Runtime, Trust};
use ibws_proto::{ConnectError, ConnectErrorKind};
use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};

use super::stage::{Stage, Trace};
use crate::{Authority, Presented, other_address};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The names of a certificate for the servers of these stories.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];
/// The time within which every wrong certificate must be refused.
const LIMIT: Duration = Duration::from_secs(10);
const PIN: &str = "`Trust::ExactCert` (`Builder::trust`)";

fn unchanged(_: &mut CertificateParams) {}

fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2019, 5, 11);
}

fn future(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2100, 1, 1);
}

fn authority_itself(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn ca(pem: impl Into<Vec<u8>>) -> Trust {
    Trust::CaPem(pem.into())
}

fn sha256(presented: &Presented) -> Trust {
    Trust::ExactSha256(Fingerprint::of_certificate(&presented.chain[0]))
}

/// Dials a server at `address`, by the name `host`, that presents `presented` and opens the
/// WebSocket.
async fn accepted<R: Runtime + Clone>(
    stage: &Stage<R>,
    case: &str,
    presented: &Presented,
    trust: Trust,
    (address, host): (IpAddr, &str),
) -> String {
    let script = stage.presenting(address, presented, |_, client| client.greet()?.until_end());
    let endpoint = Endpoint::gateway(host, script.address().port()).expect("an address");
    let request = DialRequest { trust, ..DialRequest::new(endpoint) };
    match stage.runtime.dial(request).await {
        Ok(_) => format!("{case}: open"),
        Err(error) => panic!("{case}: {error}"),
    }
}

/// Dials a server whose certificate must be refused. The error has `texts`, and the certificate if
/// `is_shown`.
async fn refused_at<R: Runtime + Clone>(
    stage: &Stage<R>,
    case: &str,
    presented: &Presented,
    trust: Trust,
    (address, host): (IpAddr, &str),
    (texts, is_shown): (&[&str], bool),
) -> String {
    let name = case.to_owned();
    let script = stage.presenting(address, presented, move |_, mut client| {
        assert!(client.is_closed_unread(), "{name}: the server received a byte of HTTP");
        Ok(())
    });
    let endpoint = Endpoint::gateway(host, script.address().port()).expect("an address");
    let peer = endpoint.host_and_port();
    let request = DialRequest { trust, ..DialRequest::new(endpoint) };
    let began = stage.runtime.now();
    let error = stage.runtime.dial(request).await.err().unwrap_or_else(|| panic!("{case}: the WebSocket is open"));
    let took = stage.runtime.now().since(began);
    assert!(took < LIMIT, "{case}: refused after {took:?}");
    check(case, &error, &peer, texts);
    let shown = error.certificate.as_ref().map(|certificate| certificate.pem.to_string());
    assert_eq!(shown, is_shown.then(|| presented.pem()), "{case}: {error}");
    if let Some(certificate) = &error.certificate {
        assert!(error.detail.contains(&*certificate.sha256), "{case}: {error}");
    }
    format!("{case}: {:?}", error.kind)
}

async fn refused<R: Runtime + Clone>(
    stage: &Stage<R>,
    case: &str,
    presented: &Presented,
    trust: Trust,
    texts: &[&str],
) -> String {
    refused_at(stage, case, presented, trust, (LOOPBACK, "127.0.0.1"), (texts, true)).await
}

fn check(case: &str, error: &ConnectError, peer: &str, texts: &[&str]) {
    assert_eq!(error.kind, ConnectErrorKind::Trust, "{case}: {error}");
    for text in texts.iter().chain([&peer]) {
        assert!(error.detail.contains(text), "{case}: {text:?} is not in {error}");
    }
    assert!(!error.detail.contains('\n'), "{case}: {error}");
}

/// A certificate of a trusted authority is accepted if it is valid now and names the host.
pub async fn authorities_vouch_for_valid_certificates_of_the_right_name<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let authority = Authority::new("an authority");
    let trust = || ca(authority.pem());
    let good = authority.issue(&NAMES, unchanged);
    let (at_ip, at_name) = ((LOOPBACK, "127.0.0.1"), (LOOPBACK, "localhost"));
    let intermediate = authority.intermediate("an intermediate");
    let incomplete = intermediate.issue(&NAMES, unchanged);
    let complete = Presented { chain: vec![incomplete.der(), intermediate.der()], key: incomplete.key.clone() };
    let (stranger, namesake) = (Authority::new("a stranger"), Authority::new("an authority"));
    let in_time = |change: fn(&mut CertificateParams)| authority.issue(&NAMES, change);
    let (elsewhere, nowhere) = (authority.issue(&["gateway.example"], unchanged), authority.issue(&[], unchanged));
    let stage = &stage;
    vec![
        accepted(stage, "authority and address", &good, trust(), at_ip).await,
        accepted(stage, "authority and name", &good, trust(), at_name).await,
        accepted(stage, "intermediate sent", &complete, trust(), at_ip).await,
        refused(
            stage,
            "intermediate missing",
            &incomplete,
            trust(),
            &["came with 0 certificates of issuers", "whole chain"],
        )
        .await,
        refused(
            stage,
            "unknown authority",
            &stranger.issue(&NAMES, unchanged),
            trust(),
            &["an issuer that is not among the authorities of `Trust::CaPem`", PIN],
        )
        .await,
        refused(
            stage,
            "unknown to web PKI",
            &good,
            Trust::WebPki,
            &["not among the authorities of `Trust::WebPki`", "trust its authority with `Trust::CaPem`"],
        )
        .await,
        refused(
            stage,
            "authority of the same name",
            &namesake.issue(&NAMES, unchanged),
            trust(),
            &["is not signed with the key of the authority that it names", "`Trust::CaPem`"],
        )
        .await,
        refused(stage, "expired", &in_time(expired), trust(), &["expired", "days ago", "create a new one", PIN]).await,
        refused(stage, "not yet valid", &in_time(future), trust(), &["is not valid before", "check the clocks"]).await,
        refused(
            stage,
            "wrong name",
            &elsewhere,
            trust(),
            &["names gateway.example", "and not 127.0.0.1", "create one that names 127.0.0.1"],
        )
        .await,
        refused(stage, "no name", &nowhere, trust(), &["names no host (it has no subjectAltName)", PIN]).await,
    ]
}

/// A self-signed certificate is accepted as its own authority if it is not one of an authority, and
/// as a pin in any case.
pub async fn self_signed_certificates_are_their_own_authority_or_pinned<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let (plain, of_authority) =
        (Presented::self_signed(&NAMES, unchanged), Presented::self_signed(&NAMES, authority_itself));
    let at = (LOOPBACK, "127.0.0.1");
    let stage = &stage;
    let mut trace = vec![
        accepted(stage, "self-signed as authority", &plain, ca(plain.pem()), at).await,
        refused(stage, "CA:TRUE as authority", &of_authority, ca(of_authority.pem()), &["CA:TRUE", PIN]).await,
        refused(stage, "not pinned", &plain, Trust::WebPki, &["is self-signed and not trusted by", PIN]).await,
        accepted(stage, "CA:TRUE pinned", &of_authority, Trust::ExactCert(of_authority.pem().into()), at).await,
    ];
    for (form, trust) in [
        ("PEM", Trust::ExactCert(plain.pem().into())),
        ("DER", Trust::ExactCert(plain.der())),
        ("SHA-256", sha256(&plain)),
    ] {
        trace.push(accepted(stage, &format!("pinned by {form}"), &plain, trust.clone(), at).await);
        if let Some(address) = other_address() {
            let host = address.to_string();
            let case = format!("pinned by {form} on another address");
            trace.push(accepted(stage, &case, &plain, trust, (address, &host)).await);
        } else {
            trace.push("skipped: this machine has no other address".into());
        }
    }
    trace
}

/// A pin accepts its certificate only, and only from a peer that holds the key.
pub async fn a_pin_accepts_one_certificate_with_its_key<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    // A pin ignores names and dates.
    let (own, other) = (Presented::self_signed(&[], expired), Presented::self_signed(&[], expired));
    let mut changed = own.clone();
    if let Some(byte) = changed.chain.first_mut().and_then(|der| der.last_mut()) {
        *byte ^= 1;
    }
    let thief = own.clone().signing_as(&other);
    let at = (LOOPBACK, "127.0.0.1");
    let stage = &stage;
    let mut trace = Trace::new();
    for trust in [Trust::ExactCert(own.der()), sha256(&own)] {
        trace.push(accepted(stage, "expired, nameless and pinned", &own, trust.clone(), at).await);
        let texts = &["is not the pinned one", PIN][..];
        trace.push(refused(stage, "another certificate", &other, trust.clone(), texts).await);
        trace.push(refused(stage, "one bit off", &changed, trust.clone(), texts).await);
        let texts = &["a certificate whose key it does not hold", "which program listens there"][..];
        trace.push(refused_at(stage, "another key", &thief, trust, at, (texts, false)).await);
    }
    trace
}

/// A stock certificate, whose key is public, is accepted from loopback peers only, unless the
/// network is declared to be the user's own. A certificate of the test stands in for IBKR's.
pub async fn the_stock_certificate_is_accepted_from_loopback_peers_or_by_declaration<R: Runtime + Clone>(
    stage: Stage<R>,
) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let stock = Presented::self_signed(&[], expired);
    let own = Presented::self_signed(&[], expired);
    let stage = &stage;
    let mut trace = Trace::new();
    for trust in [Trust::ExactCert(stock.der()), sha256(&stock)] {
        let trust = trust.treat_as_stock(stock.pem());
        for host in ["127.0.0.1", "localhost"] {
            trace.push(accepted(stage, "stock on loopback", &stock, trust.clone(), (LOOPBACK, host)).await);
        }
        let texts = &["IBKR's stock certificate, its SHA-256 is", PIN][..];
        trace.push(refused(stage, "not the shipped one", &stock, Trust::StockCertificate, texts).await);
        let Some(address) = other_address() else {
            trace.push("skipped: this machine has no other address".into());
            continue;
        };
        let host = address.to_string();
        let at = (address, &*host);
        let texts = [
            "with the private key of a stock certificate, which is public",
            "accepted from loopback peers only",
            "give the gateway a certificate of its own and pin that",
            "declare so with `Trust::on_my_own_network`",
        ];
        trace.push(refused_at(stage, "stock elsewhere", &stock, trust.clone(), at, (&texts, false)).await);
        trace.push(accepted(stage, "stock on my own network", &stock, trust.on_my_own_network(), at).await);
        let pinned = Trust::ExactCert(own.der()).treat_as_stock(stock.pem());
        trace.push(accepted(stage, "another pin elsewhere", &own, pinned, at).await);
    }
    trace
}

/// Keys, signatures and versions of TLS that are too weak are refused for what they are.
pub async fn weak_keys_signatures_and_versions_are_refused_with_their_reason<R: Runtime + Clone>(
    stage: Stage<R>,
) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let (at, helper) = ((LOOPBACK, "127.0.0.1"), Presented::self_signed(&NAMES, unchanged));
    let stage = &stage;
    let mut trace = vec![old_tls(stage).await];
    // The library of the server refuses so short a key. The certificate is verified before the
    // signature, so another key serves as well.
    match Presented::by_openssl("rsa:1024", "-sha256").map(|weak| weak.signing_as(&helper)) {
        Some(weak) => {
            let texts = ["has 1024 bits, and 2048 to 8192 are accepted", "with a key of 2048 bits"];
            for trust in [Trust::WebPki, sha256(&weak)] {
                trace.push(refused_at(stage, "RSA-1024", &weak, trust, at, (&texts, false)).await);
            }
            for trust in [ca(weak.pem()), Trust::ExactCert(weak.der())] {
                let error = trust.check().expect_err("a weak key").to_string();
                assert!(texts.iter().all(|text| error.contains(text)), "{error}");
            }
        }
        None => trace.push("skipped RSA-1024: there is no openssl that makes it".into()),
    }
    match Presented::by_openssl("rsa:2048", "-sha1") {
        Some(sha1) => {
            let texts = &["signed with an algorithm that is not accepted, such as SHA-1", "SHA-256", PIN][..];
            trace.push(refused(stage, "SHA-1", &sha1, ca(sha1.pem()), texts).await);
            // A pin does not use the signature in the certificate.
            trace.push(accepted(stage, "SHA-1 pinned", &sha1, sha256(&sha1), at).await);
        }
        None => trace.push("skipped SHA-1: there is no openssl that makes it".into()),
    }
    trace
}

/// A server that selects TLS 1.1, as one without a newer version does.
async fn old_tls<R: Runtime + Clone>(stage: &Stage<R>) -> String {
    let listener = TcpListener::bind((LOOPBACK, 0)).expect("a free port");
    let endpoint = Endpoint::gateway("127.0.0.1", listener.local_addr().expect("an address").port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let mut received = vec![0; 4096];
        let count = stream.read(&mut received).expect("a ClientHello");
        received.truncate(count);
        // A ServerHello of version 3.2: random bytes, no session, ECDHE-RSA-AES128-SHA, no
        // compression.
        let hello = [&[0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
        stream.write_all(&hello).expect("the client still reads");
        let _ = stream.read_to_end(&mut received);
        received
    });
    let request = DialRequest::new(endpoint.expect("an address"));
    let error = stage.runtime.dial(request).await.err().expect("a refusal");
    for text in ["no version of TLS that is accepted, which are 1.2 and 1.3", "update the server"] {
        assert!(error.detail.contains(text), "{error}");
    }
    let received = server.join().expect("the server");
    assert!(!received.windows(4).any(|window| window == b"GET "), "the server received HTTP");
    format!("TLS 1.1: {:?}", error.kind)
}

/// A trust whose certificates cannot be used ends the dial before it connects.
pub async fn trust_that_cannot_be_used_is_reported_before_a_connection<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let script = stage.script(|_, _| panic!("the client connected"));
    let certificate = Presented::self_signed(&NAMES, unchanged);
    let (pem, der) = (certificate.pem(), certificate.der());
    let (cut_pem, cut_der) = (pem[..pem.len() / 2].to_owned(), der[..der.len() / 2].to_vec());
    let pin = |bytes: &[u8]| Trust::ExactCert(bytes.to_vec());
    let mut trace = Trace::new();
    for (case, trust, text) in [
        ("empty pin", pin(b""), "the pin holds no certificate"),
        ("pin that is no certificate", pin(b"gateway.pem"), "the pin holds no certificate"),
        ("cut PEM", pin(cut_pem.as_bytes()), "the pin is damaged PEM, or cut off"),
        ("cut DER", pin(&cut_der), "not an X.509 certificate"),
        ("several pins", pin(format!("{pem}{pem}").as_bytes()), "holds 2 certificates: keep the server's own"),
        ("empty CA file", ca(""), "the CA file holds no certificate"),
        ("cut CA file", ca(cut_pem), "the CA file is damaged PEM"),
        ("stock authority", ca(pem.clone()).treat_as_stock(der), "`Trust::StockCertificate`"),
    ] {
        let request = DialRequest { trust, ..stage.request(&script) };
        let error = stage.runtime.dial(request).await.err().expect("a refusal");
        assert!(error.kind == ConnectErrorKind::Trust && error.detail.contains(text), "{case}: {error}");
        trace.push(format!("{case}: {error}"));
    }
    trace
}

/// Each attempt verifies the certificate, so one that was accepted before helps no other.
pub async fn a_certificate_swapped_between_attempts_is_refused_each_time<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let script = stage.script(|conn, client| {
        if conn % 2 == 0 {
            assert!(client.impostor()?.is_closed_unread(), "the other server received a byte of HTTP");
            return Ok(());
        }
        client.greet()?.until_end()
    });
    let mut trace = Trace::new();
    for attempt in 1..=6 {
        let outcome = stage.runtime.dial(stage.request(&script)).await;
        match outcome {
            Ok(_) => trace.push(format!("{attempt}: open")),
            Err(error) => {
                check("swapped", &error, &script.address().to_string(), &["is not the pinned one", PIN]);
                trace.push(format!("{attempt}: {:?}", error.kind));
            }
        }
    }
    assert_eq!(trace.iter().filter(|line| line.ends_with("open")).count(), 3, "{trace:?}");
    trace
}

/// An unknown certificate is saved when the user approves it, and the file pins it from then on.
pub async fn an_approved_certificate_is_saved_and_pinned<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let own = Presented::self_signed(&[], expired);
    let script = stage.presenting(LOOPBACK, &own, |conn, mut client| {
        if conn == 1 {
            assert!(client.is_closed_unread(), "the server received a byte of HTTP");
            return Ok(());
        }
        client.greet()?.until_end()
    });
    // The port is taken by this story alone.
    let path = std::env::temp_dir().join(format!("ibws-gateway-{}.pem", script.address().port()));
    let endpoint = Endpoint::gateway("localhost", script.address().port()).expect("an address");
    let trusting = |trust| DialRequest { trust, ..DialRequest::new(endpoint.clone()) };
    let trust = Trust::local_gateway(None).expect("the stock certificate");
    let error = stage.runtime.dial(trusting(trust)).await.err().expect("a refusal");
    check("unknown", &error, &endpoint.host_and_port(), &["is not IBKR's stock certificate", PIN]);
    let unknown = error.certificate.expect("the certificate");
    assert_eq!(*unknown.sha256, *Fingerprint::of_certificate(&own.chain[0]).to_string());
    unknown.save(&path).expect("a new file");
    let trust = Trust::local_gateway(Some(&path));
    std::fs::remove_file(&path).expect("the file");
    let outcome = stage.runtime.dial(trusting(trust.expect("a pin"))).await;
    vec![outcome.map_or_else(|error| panic!("{error}"), |_| "open".into())]
}
