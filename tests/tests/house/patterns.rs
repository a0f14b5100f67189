//! Finds the retired patterns that an identifier fits.

use std::collections::HashMap;

use crate::retired::Retired;

/// Keywords before the name of a type.
const TYPES: [&str; 5] = ["struct", "enum", "union", "trait", "type"];

/// Returns `true` if `keyword` defines the identifier after it.
pub(crate) fn defines(keyword: &str) -> bool {
    ["fn", "mod"].contains(&keyword) || TYPES.contains(&keyword)
}

/// A pattern and the row that holds it.
pub(crate) type Match<'a> = (&'a Retired, &'a str);

/// Patterns by the name that they are, or by their first word.
pub(crate) struct Patterns<'a> {
    names: HashMap<&'a str, Vec<Match<'a>>>,
    words: HashMap<&'a str, Vec<Match<'a>>>,
}

impl<'a> Patterns<'a> {
    pub(crate) fn new(retired: &'a [Retired]) -> Self {
        let mut patterns = Self { names: HashMap::new(), words: HashMap::new() };
        for row in retired {
            for pattern in row.patterns.iter().copied() {
                let named = pattern.strip_prefix('=').or_else(|| pattern.split_once(' ').map(|(_, name)| name));
                let (map, key) = match named {
                    Some(name) => (&mut patterns.names, name),
                    None => (&mut patterns.words, pattern.split('_').next().unwrap_or_default()),
                };
                map.entry(key).or_default().push((row, pattern));
            }
        }
        patterns
    }

    /// Returns the patterns that fit `identifier`. With a `keyword` these are the patterns of
    /// definitions, with an empty one all others.
    pub(crate) fn find(&self, identifier: &str, keyword: &str) -> Vec<Match<'a>> {
        let mut found = Vec::new();
        for (row, pattern) in self.names.get(identifier).into_iter().flatten() {
            let kind = pattern.split_once(' ').map_or("", |(kind, _)| kind);
            if kind == keyword || kind == "type" && TYPES.contains(&keyword) {
                found.push((*row, *pattern));
            }
        }
        if !keyword.is_empty() {
            return found;
        }
        let words = split(identifier);
        for (at, word) in words.iter().enumerate() {
            for (row, pattern) in self.words.get(word.as_str()).into_iter().flatten() {
                let fits = pattern
                    .split('_')
                    .enumerate()
                    .all(|(index, word)| words.get(at + index).is_some_and(|it| it == word));
                if fits {
                    found.push((*row, *pattern));
                }
            }
        }
        found
    }
}

/// Returns the word or the name in a pattern.
pub(crate) fn subject(pattern: &str) -> &str {
    pattern.trim_start_matches('=').rsplit(' ').next().unwrap_or(pattern)
}

/// Returns the words of an identifier, in lower case: `HTTPStatusCode` is `http`, `status` and
/// `code`.
fn split(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = None;
    let mut letters = identifier.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_lower = |letter: Option<char>| letter.is_some_and(char::is_lowercase);
        let begins = letter.is_uppercase() && (is_lower(before) || is_lower(letters.peek().copied()));
        let is_digit = |letter: char| letter.is_ascii_digit();
        if letter == '_' || begins || is_digit(letter) != before.is_some_and(is_digit) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn identifiers_split_into_words() {
    let cases = [
        ("bytes_left", "bytes left"),
        ("HTTPStatusCode", "http status code"),
        ("SubKey", "sub key"),
        ("MAX_LINES", "max lines"),
        ("LeftOut", "left out"),
        ("utf8_len", "utf 8 len"),
        ("_held", "held"),
    ];
    for (identifier, words) in cases {
        assert_eq!(split(identifier).join(" "), words);
    }
}

#[test]
fn patterns_fit_words_names_and_definitions() {
    let retired =
        [Retired { patterns: &["left", "sit_down", "type What", "fn turn", "=Gone"], instead: "", scope: "*" }];
    let patterns = Patterns::new(&retired);
    let found = |identifier, keyword| -> Vec<&str> {
        patterns.find(identifier, keyword).into_iter().map(|(_, pattern)| subject(pattern)).collect()
    };
    for (identifier, keyword, subject) in [
        ("bytes_left", "", "left"),
        ("LeftOut", "", "left"),
        ("may_sit_down_now", "", "sit_down"),
        ("What", "enum", "What"),
        ("turn", "fn", "turn"),
        ("Gone", "", "Gone"),
    ] {
        assert_eq!(found(identifier, keyword), [subject], "{keyword} {identifier}");
    }
    for (identifier, keyword) in [
        ("leftmost", ""),
        ("bytes_left", "fn"),
        ("sit", ""),
        ("sit_right_down", ""),
        ("What", ""),
        ("What", "fn"),
        ("turn", "mod"),
        ("GoneBy", ""),
    ] {
        assert_eq!(found(identifier, keyword), [""; 0], "{keyword} {identifier}");
    }
}
