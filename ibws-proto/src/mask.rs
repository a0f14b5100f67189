//! Makes texts from outside safe for logs and errors: account ids are masked, and what a terminal
//! would not show as it is becomes an escape.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// The largest number of characters of an excerpt.
pub(crate) const MAX_EXCERPT: usize = 200;

/// Returns the start of a text from outside for one line of an error, a reason or a log.
///
/// It has at most 200 characters, followed by `…` if the text has more. Account ids are masked as
/// `DU…567`. Control characters, line ends, and characters that are invisible or change the
/// direction of the text are escaped as `\n` or `\u{202e}`. An escape is never cut.
///
/// All texts of the gateway that the library puts into errors and reasons are such excerpts.
///
/// ```
/// assert_eq!(&*ibws_proto::excerpt("no data\nfor DU1234567"), r"no data\nfor DU…567");
/// ```
#[must_use]
pub fn excerpt(text: &str) -> Box<str> {
    let mut line = Line { text: String::new(), room: MAX_EXCERPT };
    // The only error is that of a full line, and the rest of the text is not read then.
    if write!(line, "{}", Masked(text)).is_err() {
        line.text.push('…');
    }
    line.text.into()
}

/// The line of an excerpt.
struct Line {
    text: String,
    /// Number of characters that still fit.
    room: usize,
}

impl Line {
    /// Appends the characters of one unit if all of them fit.
    fn push(&mut self, unit: impl Iterator<Item = char> + Clone) -> fmt::Result {
        self.room = self.room.checked_sub(unit.clone().count()).ok_or(fmt::Error)?;
        self.text.extend(unit);
        Ok(())
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if is_misleading(character) {
                self.push(character.escape_default())
            } else {
                self.push(core::iter::once(character))
            }
        })
    }
}

/// Returns `true` for a character that a terminal does not show as a character in its place:
/// controls, line separators, and those that are invisible or change the direction of the text.
fn is_misleading(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Displays a text with its account ids masked: `DU1234567` becomes `DU…567`. An account id is a
/// whole word of one to three capital letters and six to ten digits.
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
    fn characters_that_mislead_are_escaped_and_accounts_masked() {
        for (text, shown) in [
            ("plain ™ é 日本 \u{10ffff}", "plain ™ é 日本 \u{10ffff}"),
            ("two\r\nlines\tand \u{1b}[31mred", r"two\r\nlines\tand \u{1b}[31mred"),
            ("\u{202e}reversed\u{2066}", r"\u{202e}reversed\u{2066}"),
            ("zero\u{200b}width\u{feff}\u{200d}", r"zero\u{200b}width\u{feff}\u{200d}"),
            ("\u{85}\u{2028}", r"\u{85}\u{2028}"),
            ("no data\nfor DU1234567", r"no data\nfor DU…567"),
            (r#"a "quoted" back\slash"#, r#"a "quoted" back\slash"#),
            ("", ""),
        ] {
            assert_eq!(&*excerpt(text), shown);
        }
    }

    #[test]
    fn an_excerpt_ends_after_200_characters_and_never_in_an_escape_or_account() {
        let long = |text: &str, count| text.repeat(count);
        assert_eq!(*excerpt(&long("™", 200)), *long("™", 200));
        assert_eq!(*excerpt(&long("™", 201)), *(long("™", 200) + "…"));
        assert_eq!(*excerpt(&(long("x", 198) + "\u{202e}")), *(long("x", 198) + "…"));
        for before in 185..205 {
            let text = long("x", before) + " DU1234567";
            let shown = excerpt(&text);
            assert!(!shown.contains("DU1") && shown.chars().count() <= 201, "{shown}");
        }
    }

    #[test]
    fn an_excerpt_of_an_excerpt_is_the_same() {
        for text in ["two\r\nlines of DU1234567", "™ \u{202e}", "short"] {
            let once = excerpt(text);
            assert_eq!(excerpt(&once), once);
        }
    }

    #[test]
    fn accounts_are_masked_and_nothing_else() {
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
