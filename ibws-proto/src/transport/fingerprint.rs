//! The SHA-256 fingerprint of a certificate, as text and as bytes.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;

/// The SHA-256 of a certificate's DER encoding.
///
/// It is read from 64 hexadecimal digits in either case, with a colon between all bytes or none,
/// and with or without `sha256:` before them. The line that `openssl x509 -fingerprint -sha256`
/// prints is accepted as well. `Display` prints pairs of capital digits with colons, as openssl,
/// keytool and browsers do.
///
/// ```
/// use ibws_proto::transport::Fingerprint;
///
/// let text = "sha256:13daf89a0712b962c3ecaa5ede344100aee0d3b5dec5a79abd7602a812eda3be";
/// let fingerprint: Fingerprint = text.parse()?;
/// assert!(fingerprint.to_string().starts_with("13:DA:F8:9A:07:12:"));
/// assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
/// assert!("13:DA:F8".parse::<Fingerprint>().is_err());
/// # Ok::<(), ibws_proto::transport::FingerprintError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The pin of a client whose pin file does not exist. No certificate has it.
    #[cfg(feature = "tls")]
    pub(crate) const OF_NO_CERTIFICATE: Self = Self([0; 32]);

    /// Returns the fingerprint with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let text = text.trim();
        let text = match text.split_once('=') {
            Some((label, value)) if label.to_ascii_lowercase().starts_with("sha256") => value.trim(),
            _ => text.strip_prefix("sha256:").or_else(|| text.strip_prefix("SHA256:")).unwrap_or(text),
        };
        let has_colons = text.contains(':');
        let mut bytes = [0; 32];
        let mut count = 0_usize;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if has_colons && count > 0 {
                rest = rest.strip_prefix(b":").ok_or(FingerprintError::BadCharacter)?;
            }
            let (pair, after) = rest.split_at_checked(2).ok_or(FingerprintError::BadCharacter)?;
            let mut byte = [0];
            HEXLOWER_PERMISSIVE.decode_mut(pair, &mut byte).map_err(|_| FingerprintError::BadCharacter)?;
            if let Some(place) = bytes.get_mut(count) {
                [*place] = byte;
            }
            count = count.saturating_add(1);
            rest = after;
        }
        if count == bytes.len() { Ok(Self(bytes)) } else { Err(FingerprintError::BadLength { count }) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, byte)| {
            if index > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")
        })
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is not the SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The text has another number of bytes than 32.
    #[error(
        "the fingerprint has {count} bytes and a SHA-256 has 32, which are 64 hexadecimal digits: print it with openssl \
         x509 -fingerprint -sha256"
    )]
    BadLength {
        /// The number of bytes.
        count: usize,
    },
    /// The text has characters other than pairs of hexadecimal digits, with a colon between all of
    /// them or none.
    #[error(
        "the fingerprint is not made of pairs of hexadecimal digits: write them without blanks, with a colon between \
         all pairs or none"
    )]
    BadCharacter,
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_each_form_in_which_programs_print_it() {
        let bytes = core::array::from_fn(|index| u8::try_from(index * 8).unwrap());
        let expected = Fingerprint::from_bytes(bytes);
        let colons = expected.to_string();
        assert!(colons.starts_with("00:08:10:18:20:28:30:38:40:48:50:58:60:68:70:78:80:88:90:98:A0:"), "{colons}");
        let bare = colons.replace(':', "");
        for text in [
            colons.clone(),
            colons.to_lowercase(),
            bare.clone(),
            bare.to_lowercase(),
            format!("sha256:{bare}"),
            format!("sha256:{colons}"),
            format!("sha256 Fingerprint={colons}\n"),
            format!("SHA256 Fingerprint={colons}"),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_not_exactly_one_fingerprint_is_refused() {
        let good = "00".repeat(32);
        for (text, error) in [
            ("", FingerprintError::BadLength { count: 0 }),
            ("sha256:", FingerprintError::BadLength { count: 0 }),
            (&"00".repeat(20), FingerprintError::BadLength { count: 20 }),
            (&"00".repeat(33), FingerprintError::BadLength { count: 33 }),
            (&good[1..], FingerprintError::BadCharacter),
            (&format!("{}zz", &good[2..]), FingerprintError::BadCharacter),
            (&format!("00:{}", &good[2..]), FingerprintError::BadCharacter),
            (&format!("{good}:"), FingerprintError::BadCharacter),
            (&format!("sha1:{good}"), FingerprintError::BadCharacter),
            (&format!("{} 00", &good[2..]), FingerprintError::BadCharacter),
            ("é", FingerprintError::BadCharacter),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(error), "{text:?}");
        }
    }
}
