//! Writes JSON as the gateway does: keys in insertion order, numbers as Java prints a double.
//!
//! `serde_json::Value` sorts its keys, and a real gateway does not: it even sends one frame in two
//! orders (docs/protocol.md §2). Reading uses `serde_json`.

use core::fmt;

/// A JSON value that keeps the order of its keys and the text of its numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Json {
    /// A literal that is written unchanged: a number, `true`, `false`, `null`.
    Raw(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// The members of an object under construction.
pub(crate) type Members = Vec<(String, Json)>;

impl Json {
    pub(crate) const EMPTY: Self = Self::List(Vec::new());

    pub(crate) fn null() -> Self {
        Self::Raw("null".into())
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::Raw(value.to_string())
    }

    pub(crate) fn int(value: impl fmt::Display) -> Self {
        Self::Raw(value.to_string())
    }

    /// A number of hundredths as a double: `-207` is `-2.07`, `1_470_000_000` is `1.47E7`.
    pub(crate) fn hundredths(value: i64) -> Self {
        Self::double(value as f64 / 100.0)
    }

    /// A number as Java prints a double: always with a fraction, in E notation from 1E7 up and
    /// below 1E-3 (captured in `sld`, docs/protocol.md §3.7).
    pub(crate) fn double(value: f64) -> Self {
        let size = value.abs();
        if size == 0.0 || (1e-3..1e7).contains(&size) {
            return Self::Raw(format!("{value:?}"));
        }
        let text = format!("{value:E}");
        match text.split_once('E') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => Self::Raw(format!("{mantissa}.0E{exponent}")),
            _ => Self::Raw(text),
        }
    }

    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    pub(crate) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    pub(crate) fn texts(values: &[&str]) -> Self {
        Self::List(values.iter().map(|value| Self::text(*value)).collect())
    }

    /// `{"topic":…,"args":…}`, the frame most topics use.
    pub(crate) fn frame(topic: &str, args: Self) -> String {
        Self::object([("topic", Self::text(topic)), ("args", args)]).to_string()
    }
}

/// `&str` keys as [`Members`].
pub(crate) fn members<const N: usize>(members: [(&str, Json); N]) -> Members {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(text) => f.write_str(text),
            Self::Text(text) => write_text(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    write_text(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_doubles() {
        let written = [0, 60, -207, 100, 1_470_000_000, 1_000_000_000].map(|value| Json::hundredths(value).to_string());
        assert_eq!(written, ["0.0", "0.6", "-2.07", "1.0", "1.47E7", "1.0E7"]);
    }

    #[test]
    fn keys_keep_their_order_and_strings_are_escaped() {
        let value = Json::object([("z", Json::text("a\"b")), ("a", Json::List(vec![Json::null(), Json::bool(true)]))]);
        assert_eq!(value.to_string(), r#"{"z":"a\"b","a":[null,true]}"#);
    }
}
