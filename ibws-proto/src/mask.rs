//! Makes texts from outside safe for logs and errors: account ids and sessions are masked, and what
//! a terminal would not show as it is becomes an escape.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::ops::{Deref, DerefMut};

/// The largest number of characters of an excerpt.
const MAX_EXCERPT: usize = 200;
/// What is shown in place of a session.
pub(crate) const HIDDEN: &str = "***";

/// Returns the start of a text from outside for one line of an error, a reason or a log.
///
/// It has at most 200 characters, followed by `…` if the text has more. Account ids are masked as
/// `DU…567`. Sessions are masked as `***`: the value of a JSON member `session`, that of `id` in a
/// text that names the topic `tic`, and each word of 24 or more letters and digits that has both.
/// Control characters, line ends, and characters that are invisible or change the direction of the
/// text are escaped as `\n` or `\u{202e}`. An escape is never cut.
///
/// All texts of the gateway that the library puts into errors and reasons are such excerpts.
///
/// ```
/// assert_eq!(&*ibws_proto::excerpt("no data\nfor DU1234567"), r"no data\nfor DU…567");
/// let tickle = r#"bad session {"session":"00112233445566778899aabbccddeeff"}"#;
/// assert_eq!(&*ibws_proto::excerpt(tickle), r#"bad session {"session":"***"}"#);
/// ```
#[must_use]
pub fn excerpt(text: &str) -> Box<str> {
    excerpt_within(text, MAX_EXCERPT)
}

/// Returns the same as [`excerpt`] with at most `limit` characters.
#[must_use]
pub fn excerpt_within(text: &str, limit: usize) -> Box<str> {
    let mut line = Line { text: String::new(), room: limit };
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
#[must_use]
pub fn is_misleading(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Displays a text with its account ids and sessions masked, as [`excerpt`] does. An account id is
/// a whole word of one to three capital letters and six to ten digits.
pub(crate) struct Masked<'a>(pub(crate) &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_masked(self.0, names_tic(self.0), false, f)
    }
}

/// Displays a text that may be a piece of a message, and so may begin or end inside a session: each
/// `id` is masked, and each word of 8 or more letters and digits that may be part of a session.
pub(crate) struct MaskedPiece<'a>(pub(crate) &'a str);

impl fmt::Display for MaskedPiece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_masked(self.0, true, true, f)
    }
}

/// Writes what it displays between quotes, masked and with escapes, as the `Debug` output of a text
/// is written.
pub(crate) struct Quoted<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Debug for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Escaping(f), "{}", self.0)?;
        f.write_char('"')
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '\'' => self.0.write_char(character),
            _ => character.escape_debug().try_for_each(|part| self.0.write_char(part)),
        })
    }
}

/// A text of the wire or of the application that is masked in `Debug` output and in nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Discreet<T>(pub(crate) T);

impl<T> Deref for Discreet<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Discreet<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: AsRef<str>> fmt::Debug for Discreet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Quoted(Masked(self.0.as_ref())), f)
    }
}

/// The smallest number of letters and digits that can be a session, which has 32 (docs/protocol.md
/// §1.2). Names of contracts have up to 21.
const MIN_TOKEN: usize = 24;
/// The smallest number of characters of a session that are masked in a piece of a message.
const MIN_PIECE: usize = 8;

/// Returns `true` if the text has the string `tic`, quoted once or inside of another string.
fn names_tic(text: &str) -> bool {
    text.match_indices("\"tic").any(|(at, found)| {
        let after = text.get(at.saturating_add(found.len())..).unwrap_or_default();
        after.is_empty() || after.starts_with(['"', '\\', '+'])
    })
}

/// Writes a text whose members `session`, and `id` if `masks_id` is set, are replaced, and whose
/// words are masked.
fn write_masked(text: &str, masks_id: bool, is_piece: bool, f: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = text;
    while let Some((before, after)) = around_secret(rest, masks_id) {
        write_words(before, is_piece, f)?;
        f.write_str(HIDDEN)?;
        rest = after;
    }
    write_words(rest, is_piece, f)
}

/// Returns what is before and behind the value of the first secret member, without its quotes.
fn around_secret(text: &str, masks_id: bool) -> Option<(&str, &str)> {
    text.match_indices('"').find_map(|(at, _)| {
        let key = text.get(at.checked_add(1)?..)?;
        let rest = key.strip_prefix("session").or_else(|| key.strip_prefix("id").filter(|_| masks_id))?;
        let (_, rest) = after_quote(rest)?;
        let (depth, value) = after_quote(rest.trim_start().strip_prefix(':')?.trim_start())?;
        let before = text.get(..text.len().checked_sub(value.len())?)?;
        Some((before, value.get(end_of_value(value, depth)..)?))
    })
}

/// Takes a quote with the backslashes before it. Returns their number and what follows.
fn after_quote(text: &str) -> Option<(usize, &str)> {
    let quote = text.trim_start_matches('\\');
    Some((text.len().checked_sub(quote.len())?, quote.strip_prefix('"')?))
}

/// Returns where a string ends whose quotes have `depth` backslashes before them; the end of the
/// text if it is cut off.
fn end_of_value(value: &str, depth: usize) -> usize {
    let mut backslashes = 0_usize;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' if depth == 0 && backslashes.is_multiple_of(2) => return at,
            b'"' if depth > 0 => return at.saturating_sub(backslashes),
            b'\\' => backslashes = backslashes.saturating_add(1),
            _ => backslashes = 0,
        }
    }
    value.len()
}

/// Writes a text with its words masked that are an account or may be a session.
fn write_words(text: &str, is_piece: bool, f: &mut impl fmt::Write) -> fmt::Result {
    let is_separator = |c: char| !c.is_ascii_alphanumeric();
    let mut separator = None;
    for part in text.split_inclusive(is_separator) {
        let run = part.trim_end_matches(is_separator);
        // A word that follows an escape of JSON or of a URL begins behind it.
        let escape = match (separator, run.as_bytes().first()) {
            (Some('\\'), Some(b'u')) => 5,
            (Some('\\'), Some(_)) => 1,
            (Some('%'), Some(_)) => 2,
            _ => 0,
        };
        let behind = run.get(escape..).unwrap_or_default();
        // An account begins with a capital letter.
        let word = behind.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let letters = word.strip_suffix(digits).unwrap_or_default();
        let is_account = (1..=3).contains(&letters.len())
            && (6..=10).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_mixed =
            behind.bytes().any(|byte| byte.is_ascii_digit()) && behind.bytes().any(|byte| byte.is_ascii_alphabetic());
        let is_token = if is_piece {
            behind.len() >= MIN_PIECE && (is_mixed || behind.bytes().all(|byte| byte.is_ascii_hexdigit()))
        } else {
            behind.len() >= MIN_TOKEN && is_mixed
        };
        if is_account {
            f.write_str(run.strip_suffix(digits).unwrap_or_default())?;
            f.write_char('…')?;
            f.write_str(digits.get(digits.len() - 3..).unwrap_or_default())?;
        } else if is_token {
            f.write_str(run.strip_suffix(behind).unwrap_or_default())?;
            f.write_str(HIDDEN)?;
        } else {
            f.write_str(run)?;
        }
        f.write_str(part.get(run.len()..).unwrap_or_default())?;
        separator = part.chars().next_back().filter(|last| is_separator(*last));
    }
    Ok(())
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
            (r#""a\nDU1234567\u0020U12345678""#, r#""a\nDU…567\u0020U…678""#),
            ("account%20DU1234567&acctU12345678", "account%20DU…567&acctU…678"),
            ("_DU1234567_", "_DU…567_"),
            ("", ""),
        ] {
            assert_eq!(Masked(text).to_string(), shown);
        }
    }

    const SESSION: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn sessions_are_masked_by_their_member_and_by_their_form() {
        for (text, shown) in [
            (r#"{"session":"5e55"}"#, r#"{"session":"***"}"#),
            (r#"{"session" : "5e\"55", "n":"x"}"#, r#"{"session" : "***", "n":"x"}"#),
            (r#"{\"session\":\"5e55\",\"n\":1}"#, r#"{\"session\":\"***\",\"n\":1}"#),
            (r#"{"session":"5e5"#, r#"{"session":"***"#),
            (r#"{"topic":"tic","id":"5e55","alive":true}"#, r#"{"topic":"tic","id":"***","alive":true}"#),
            (r#"{"id":"5e55","topic":"tic"#, r#"{"id":"***","topic":"tic"#),
            (r#"{"topic":"blt","id":"5e55"}"#, r#"{"topic":"blt","id":"5e55"}"#),
            (r#"{"session":{"id":1},"session":null}"#, r#"{"session":{"id":1},"session":null}"#),
            ("bad session: log in", "bad session: log in"),
            ("session 00112233445566778899aabbccddeeff", "session ***"),
            ("%2200112233445566778899aabbccddeeff%22", "%22***%22"),
            (r"\u002200112233445566778899aabbccddeeff", r"\u0022***"),
            ("SPXW  251219C06000000 123456789012345678901234", "SPXW  251219C06000000 123456789012345678901234"),
        ] {
            assert_eq!(Masked(text).to_string(), shown);
        }
    }

    #[test]
    fn pieces_of_a_tic_show_no_part_of_the_session_that_could_be_used() {
        let tic = alloc::format!(r#"{{"topic":"tic","alive":true,"id":"{SESSION}","lastAccessed":1}}"#);
        for cut in 0..tic.len() {
            for piece in [&tic[..cut], &tic[cut..]] {
                let shown = MaskedPiece(piece).to_string();
                let leaks = (0..SESSION.len() - 7).any(|at| shown.contains(&SESSION[at..at + 8]));
                assert!(!leaks, "{shown}");
            }
        }
    }

    #[test]
    fn quoted_texts_are_escaped_as_debug_output_is() {
        for text in ["plain", "a \"quote\" 'and' back\\slash", "\u{1b}\u{202e}\n é"] {
            assert_eq!(alloc::format!("{:?}", Quoted(Masked(text))), alloc::format!("{text:?}"));
        }
        assert_eq!(alloc::format!("{:?}", Discreet("DU1234567")), "\"DU…567\"");
    }
}
