//! Masks account ids in texts that reach logs and errors. The part that is shown distinguishes
//! them.

use core::fmt::{self, Write as _};

/// A text that is written with its account ids masked: `DU1234567` as `DU…567`.
///
/// An account id is a word of one to three capital letters and six to ten digits.
pub(crate) struct Masked<'a>(pub(crate) &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
            let letters = word.strip_suffix(digits).unwrap_or_default();
            let is_account = (1..=3).contains(&letters.len())
                && (6..=10).contains(&digits.len())
                && digits.bytes().all(|digit| digit.is_ascii_digit());
            if is_account {
                f.write_str(letters)?;
                f.write_char('…')?;
                f.write_str(digits.get(digits.len() - 3..).unwrap_or_default())?;
                f.write_str(part.get(word.len()..).unwrap_or_default())?;
            } else {
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn an_account_is_masked_and_nothing_else() {
        for (text, shown) in [
            ("sd+DU1234567", "sd+DU…567"),
            ("bd+U12345678+265598+ARCA", "bd+U…678+265598+ARCA"),
            ("no account DU1234567, nor (U12345678)", "no account DU…567, nor (U…678)"),
            ("md+265598@ARCA", "md+265598@ARCA"),
            ("AAPL 123456 DU12 ABCD123456", "AAPL 123456 DU12 ABCD123456"),
            ("™ DU1234567 ™", "™ DU…567 ™"),
            ("", ""),
        ] {
            assert_eq!(Masked(text).to_string(), shown);
        }
    }
}
