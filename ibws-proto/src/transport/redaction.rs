//! Removes the secrets of a request from texts of a server that may repeat them.

use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use zeroize::Zeroizing;

/// The length of the shortest part of a secret that is removed.
const MIN_PART: usize = 4;

/// The secrets of a request, in each form in which a server may repeat them.
#[derive(Clone, Default)]
pub(super) struct Redaction(Vec<Zeroizing<String>>);

impl Redaction {
    /// Adds a secret. Nothing is added for an empty text.
    pub(super) fn hide(&mut self, secret: &str) {
        if !secret.is_empty() && !self.0.iter().any(|known| known.as_str() == secret) {
            self.0.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// Returns `text` with each secret replaced by `…`. A secret that is cut off by the end of the
    /// text is replaced too, if at least four of its characters are there.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.0 {
            text = text.replace(form.as_str(), "…");
            let is_cut_off = |length: &usize| form.get(..*length).is_some_and(|part| text.ends_with(part));
            if let Some(length) = (MIN_PART..form.len()).rev().find(is_cut_off) {
                text.truncate(text.len().saturating_sub(length));
                text.push('…');
            }
        }
        text
    }
}

/// Shows the number of secrets only.
impl core::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Redaction({} secrets)", self.0.len())
    }
}
