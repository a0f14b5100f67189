//! Finds the public key of a certificate of any X.509 version, whatever its other fields hold.

use std::vec::Vec;

use rustls::pki_types::SubjectPublicKeyInfoDer;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// The explicit version field, which is absent in version 1.
const VERSION: u8 = 0xa0;

/// A `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), whole and in its two parts.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    /// The whole structure, in DER.
    pub(super) spki: SubjectPublicKeyInfoDer<'static>,
    /// The contents of the algorithm identifier.
    pub(super) algorithm: Vec<u8>,
    /// The bits of the key.
    pub(super) bits: Vec<u8>,
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
        // The signature algorithm, the issuer, the validity and the subject.
        for _ in 0..4 {
            fields.next(SEQUENCE)?;
        }
        let before = fields.0;
        let mut parts = Der(fields.next(SEQUENCE)?);
        let spki = before.get(..before.len().checked_sub(fields.0.len())?)?;
        let algorithm = parts.next(SEQUENCE)?;
        // The first byte is the number of unused bits at the end.
        let (0, bits) = parts.only(BIT_STRING)?.split_first()? else { return None };
        Some(Self { spki: spki.to_vec().into(), algorithm: algorithm.into(), bits: bits.into() })
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
