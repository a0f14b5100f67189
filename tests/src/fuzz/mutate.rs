//! Makes inputs for the fuzz bodies from a corpus, without a fuzzer: for machines and toolchains on
//! which libFuzzer does not run.

use crate::prng::Prng;

/// The largest size of an input.
const MAX_LENGTH: usize = 4_096;

/// The words of a libFuzzer dictionary.
#[derive(Clone, Debug, Default)]
pub struct Dictionary(Vec<Vec<u8>>);

impl Dictionary {
    /// Reads the text of a dictionary: one `"word"` in each line, with `\xHH`, `\\` and `\"` for
    /// bytes that are not printable.
    ///
    /// # Errors
    /// The line that is neither empty, nor a comment, nor a word.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let words = lines.map(|line| word(line).ok_or_else(|| format!("{line:?} is not a word of a dictionary")));
        words.collect::<Result<_, _>>().map(Self)
    }

    /// The number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut word = Vec::new();
    while let Some(byte) = rest.next() {
        word.push(match byte {
            b'\\' => match rest.next()? {
                escaped @ (b'\\' | b'"') => escaped,
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                _ => return None,
            },
            byte => byte,
        });
    }
    (!word.is_empty()).then_some(word)
}

/// Makes an input from one or two inputs of a corpus with a few random changes, all of which `seed`
/// decides.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], dictionary: &Dictionary, seed: u64) -> Vec<u8> {
    let chance = &mut Prng::part(seed, "fuzz", 0);
    let mut input = if corpus.is_empty() { Vec::new() } else { chance.pick(corpus).clone() };
    for _ in 0..1 + chance.below(8) {
        let at = index(chance, input.len() + 1);
        let end = (at + 1 + index(chance, 16)).min(input.len());
        match chance.below(8) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = random_byte(chance),
            2 => input.insert(at, random_byte(chance)),
            3 => drop(input.drain(at..end)),
            4 => {
                let copy = input[at..end].to_vec();
                let to = index(chance, input.len() + 1);
                input.splice(to..to, copy);
            }
            5 if !corpus.is_empty() => {
                let other = chance.pick(corpus);
                let from = index(chance, other.len() + 1);
                let to = (from + 1 + index(chance, 64)).min(other.len());
                input.splice(at..at, other[from..to].to_vec());
            }
            6 | 7 if !dictionary.is_empty() => {
                let word = chance.pick(&dictionary.0).clone();
                let end = if chance.chance(1, 2) { at } else { (at + word.len()).min(input.len()) };
                input.splice(at..end, word);
            }
            _ => input.truncate(at),
        }
    }
    input.truncate(MAX_LENGTH);
    input
}

fn index(chance: &mut Prng, limit: usize) -> usize {
    usize::try_from(chance.below(limit as u64)).unwrap_or_default()
}

fn random_byte(chance: &mut Prng) -> u8 {
    chance.next().to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_input_and_others_make_others() {
        let corpus = vec![b"HTTP/1.1 101 X".to_vec(), b"{\"topic\":\"sts\"}".to_vec()];
        let dictionary = Dictionary::parse("# words\n\"smd+\"\n\n\"\\x99\\\\\\\"\"\n").unwrap();
        assert_eq!(dictionary.0, [b"smd+".to_vec(), b"\x99\\\"".to_vec()]);
        let inputs: Vec<_> = (0..100).map(|seed| mutate(&corpus, &dictionary, seed)).collect();
        assert_eq!(inputs, (0..100).map(|seed| mutate(&corpus, &dictionary, seed)).collect::<Vec<_>>());
        assert!(inputs.iter().filter(|input| corpus.contains(input)).count() < 20);
        assert!(Dictionary::parse("smd+").is_err());
        assert!(mutate(&[], &Dictionary::default(), 7).len() <= 16);
    }
}
