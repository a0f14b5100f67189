//! Certificates of every kind for a [`Script`](super::Script) to present, right and wrong ones.

use core::net::IpAddr;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use ibws_proto::UnknownCertificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::opaque::opaque;

/// What a server presents, and the key with which it signs.
#[derive(Clone)]
pub struct Presented {
    /// The certificates in DER; the first is the server's own.
    pub chain: Vec<Vec<u8>>,
    /// The private key as PKCS #8, which need not match.
    pub key: Vec<u8>,
}

opaque!(Presented);

impl Presented {
    /// Makes a self-signed certificate for `names`, after `change`.
    ///
    /// # Panics
    /// If no certificate can be made of them.
    #[must_use]
    pub fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = for_names(names);
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { chain: vec![certificate.der().to_vec()], key: key.serialize_der() }
    }

    /// The same certificates, signing with the key of `other`.
    #[must_use]
    pub fn signing_as(self, other: &Self) -> Self {
        Self { key: other.key.clone(), ..self }
    }

    /// The server's own certificate in DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.chain[0].clone()
    }

    /// The server's own certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        UnknownCertificate::from_der(&self.chain[0]).pem.into()
    }

    /// Makes a self-signed certificate with the program `openssl`, for what rcgen cannot make:
    /// `key` is an argument of `-newkey`, `digest` an option such as `-sha1`. Its name is
    /// `127.0.0.1`. `None` if the program is missing or refuses.
    #[must_use]
    pub fn by_openssl(key: &str, digest: &str) -> Option<Self> {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=by openssl", "-newkey", key, digest]);
        command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
        // The certificate follows the key on standard output.
        command.args(["-keyout", "/dev/stdout"]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        let certificate = CertificateDer::from_pem_slice(&output.stdout).ok()?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(&output.stdout).ok()?;
        Some(Self { chain: vec![certificate.to_vec()], key: key.secret_pkcs8_der().to_vec() })
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

opaque!(Authority);

impl Authority {
    /// Makes an authority with this name.
    ///
    /// # Panics
    /// If no certificate can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (params, key) = Self::parts(name);
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self { issuer: Issuer::new(params, key), der }
    }

    /// Makes an authority that this one vouches for.
    ///
    /// # Panics
    /// If no certificate can be made.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let (params, key) = Self::parts(name);
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().to_vec();
        Self { issuer: Issuer::new(params, key), der }
    }

    fn parts(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = for_names(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params, KeyPair::generate().expect("a key"))
    }

    /// Issues a certificate for `names`, after `change`.
    ///
    /// # Panics
    /// If no certificate can be made.
    #[must_use]
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Presented {
        let key = KeyPair::generate().expect("a key");
        let mut params = for_names(names);
        params.distinguished_name.push(DnType::CommonName, "a gateway");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Presented { chain: vec![certificate.der().to_vec()], key: key.serialize_der() }
    }

    /// Its certificate in DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.der.clone()
    }

    /// Its certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> Vec<u8> {
        UnknownCertificate::from_der(&self.der).pem.as_bytes().to_vec()
    }
}

fn for_names(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("names of hosts")
}

/// An address of this machine that is not a loopback address; `None` if it has none. Nothing is
/// sent to find it.
#[must_use]
pub fn other_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address for documents: connecting a UDP socket only selects the route.
    socket.connect(("198.51.100.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
