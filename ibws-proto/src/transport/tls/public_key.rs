//! Finds the public key of a certificate of any X.509 version, whatever its other fields hold.

use std::vec::Vec;

use rustls::pki_types::SubjectPublicKeyInfoDer;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// The explicit version field, which is absent in version 1.
const VERSION: u8 = 0xa0;

/// The algorithm identifier of an RSA key, `rsaEncryption` (RFC 8017 §A.1), without its parameters.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// The sizes of an RSA key in bits of which signatures are verified.
const RSA_BITS: core::ops::RangeInclusive<usize> = 2048..=8192;

/// A `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), whole and in its two parts.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    /// The whole structure, in DER.
    pub(super) spki: SubjectPublicKeyInfoDer<'static>,
    /// The contents of the algorithm identifier.
    pub(super) algorithm: Vec<u8>,
    /// The bits of the key.
    pub(super) bits: Vec<u8>,
    /// Set if issuer and subject of the certificate are the same.
    pub(super) is_self_issued: bool,
}

impl PublicKey {
    /// Returns the key behind the fields of RFC 5280 §4.1; `None` if the bytes are not a
    /// certificate.
    pub(super) fn of_certificate(der: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(der).only(SEQUENCE)?);
        let mut fields = Der(certificate.next(SEQUENCE)?);
        if fields.0.first() == Some(&VERSION) {
            fields.next(VERSION)?;
        }
        fields.next(INTEGER)?;
        let _signature = fields.next(SEQUENCE)?;
        let issuer = fields.next(SEQUENCE)?;
        let _validity = fields.next(SEQUENCE)?;
        let subject = fields.next(SEQUENCE)?;
        let before = fields.0;
        let mut parts = Der(fields.next(SEQUENCE)?);
        let spki = before.get(..before.len().checked_sub(fields.0.len())?)?;
        let algorithm = parts.next(SEQUENCE)?;
        // The first byte is the number of unused bits at the end.
        let (0, bits) = parts.only(BIT_STRING)?.split_first()? else { return None };
        Some(Self {
            spki: spki.to_vec().into(),
            algorithm: algorithm.into(),
            bits: bits.into(),
            is_self_issued: issuer == subject,
        })
    }

    /// Returns the size of an RSA key if no signature with it is accepted; `None` for every other
    /// key.
    pub(super) fn bad_rsa_bits(&self) -> Option<usize> {
        if !self.algorithm.starts_with(RSA) {
            return None;
        }
        let mut numbers = Der(Der(&self.bits).only(SEQUENCE)?);
        let modulus = numbers.next(INTEGER)?;
        let first = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
        let modulus = modulus.get(first..)?;
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros());
        let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(0));
        (!RSA_BITS.contains(&bits)).then_some(bits)
    }
}

/// A reader of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Returns the contents of the next element; `None` if it has another tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        // The long form begins with the number of length bytes. Three bytes hold 16 MiB, which is
        // more than any certificate has.
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(contents)
    }

    /// Returns the contents of the only element; `None` if bytes follow it.
    fn only(mut self, tag: u8) -> Option<&'a [u8]> {
        let contents = self.next(tag)?;
        self.0.is_empty().then_some(contents)
    }
}
