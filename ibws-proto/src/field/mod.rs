//! The fields of market data: their numbers, names, meanings and values (docs/protocol.md §3.1).

mod availability;
pub(crate) mod quoted;
mod table;
mod value;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mask::excerpt_within;
pub use availability::{Availability, Timing};
pub(crate) use quoted::quote_accessors;
pub use value::{Mark, Price, Value};

/// A field of market data, identified by the number that is its key on the wire.
///
/// A field has a size of two bytes. The documented fields are constants ([`Field::LAST`],
/// [`Field::BID`], …). [`from_id`](Self::from_id) finds them by number,
/// [`from_name`](Self::from_name) by name, and a text is parsed as either. A field that a frame has
/// besides is kept by its number. [`is_listed`](Self::is_listed) returns `true` for the documented
/// ones.
///
/// ```
/// use ibws_proto::Field;
///
/// assert_eq!(Field::from_id(84), Some(Field::BID));
/// assert_eq!(Field::from_name("bid_price"), Some(Field::BID));
/// assert_eq!((Field::BID.name(), Field::BID.title()), ("bid_price", "Bid Price"));
/// assert_eq!("84".parse(), Ok(Field::BID));
/// assert_eq!("bid_price".parse(), Ok(Field::BID));
/// assert_eq!(Field::BID.to_string(), "84");
/// assert_eq!(Field::from_id(89), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(u16);

/// The bit of a [`Field`] that marks the `_raw` form: the key `87_raw` is 87 with this bit set.
const RAW: u16 = 0x8000;

impl Field {
    /// Returns all listed fields by number, [`Field::VOLUME_RAW`] last.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        table::TABLE.iter().map(|listed| Self(listed.id))
    }

    /// Returns the listed field with this number.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Some(Self(id)).filter(|field| id & RAW == 0 && field.is_listed())
    }

    /// Returns the field of a key, listed or not; `None` for a key that is neither a number below
    /// 32768 nor `87_raw`.
    #[must_use]
    #[inline(always)]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::from_bytes(key.as_bytes())
    }

    #[inline(always)]
    pub(crate) fn from_bytes(key: &[u8]) -> Option<Self> {
        match key {
            [b'1'..=b'9', rest @ ..] if rest.len() < 5 => {
                let mut id = 0_u32;
                for digit in key {
                    let digit = digit.wrapping_sub(b'0');
                    if digit > 9 {
                        return (key == b"87_raw").then_some(Self::VOLUME_RAW);
                    }
                    // Five digits at most do not overflow.
                    id = id.wrapping_mul(10).wrapping_add(u32::from(digit));
                }
                u16::try_from(id).ok().filter(|id| id & RAW == 0).map(Self)
            }
            b"87_raw" => Some(Self::VOLUME_RAW),
            _ => None,
        }
    }

    /// Returns the number; for [`Field::VOLUME_RAW`] that of the field beside which it is sent, 87.
    #[must_use]
    pub const fn id(self) -> u16 {
        self.0 & !RAW
    }

    /// Returns `true` if the field is documented.
    #[must_use]
    pub fn is_listed(self) -> bool {
        self.listed().is_some()
    }

    /// Returns the listed field with this name, for example `last_price`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        table::TABLE.iter().find(|listed| listed.name == name).map(|listed| Self(listed.id))
    }

    /// Returns the name of the field in lower case, for example `last_price`; empty if it is not
    /// listed. No two fields share a name.
    ///
    /// The names are those of the Python library IBind where it has the field.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.listed().map_or("", |listed| listed.name)
    }

    /// Returns IBKR's title of the field, for example `Last Price`; empty if it is not listed. Two
    /// pairs of fields share a title.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.listed().map_or("", |listed| listed.title)
    }

    /// Returns the meaning of the field in a sentence; empty if it is not listed.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.listed().map_or("", |listed| listed.description.trim_ascii())
    }

    fn listed(self) -> Option<&'static table::Listed> {
        let at = table::TABLE.binary_search_by_key(&self.0, |listed| listed.id).ok()?;
        table::TABLE.get(at)
    }

    /// Returns the key on the wire.
    pub(crate) fn key(self) -> FieldKey {
        let mut bytes = *b"00000_raw";
        let mut id = self.id();
        let mut start = 5_u8;
        for (at, byte) in (0_u8..5).zip(&mut bytes).rev() {
            *byte = b'0' + u8::try_from(id % 10).unwrap_or_default();
            id /= 10;
            start = at;
            if id == 0 {
                break;
            }
        }
        FieldKey { bytes, start, end: if self.0 & RAW == 0 { 5 } else { 9 } }
    }
}

/// The key of a field as text on the stack.
#[derive(Clone, Copy)]
pub(crate) struct FieldKey {
    bytes: [u8; 9],
    start: u8,
    end: u8,
}

impl FieldKey {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Writes the key on the wire: `84`, `87_raw`.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key().as_str())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({self})")
    }
}

/// The error for a text that is neither the key nor the name of a listed field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown market data field \"{0}\": write its number or its name, for example 31 or last_price")]
pub struct UnknownFieldError(
    /// The start of the text that was given, as [`excerpt`](crate::excerpt) shows it.
    pub alloc::string::String,
);

impl FromStr for Field {
    type Err = UnknownFieldError;

    /// Reads the key or the name of a listed field.
    fn from_str(text: &str) -> Result<Self, UnknownFieldError> {
        Self::from_key(text)
            .filter(|field| field.is_listed())
            .or_else(|| Self::from_name(text))
            .ok_or_else(|| UnknownFieldError(excerpt_within(text, 40).into()))
    }
}

/// Reads the key or the name of a listed field.
impl TryFrom<&str> for Field {
    type Error = UnknownFieldError;

    fn try_from(text: &str) -> Result<Self, UnknownFieldError> {
        text.parse()
    }
}

/// Serialises the key of the wire as a string.
impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key().as_str())
    }
}

/// Deserialises the key of the wire, of a listed field or another.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_key(&key).ok_or_else(|| serde::de::Error::custom(UnknownFieldError(excerpt_within(&key, 40).into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_field_is_read_back_from_its_key() {
        assert_eq!(Field::all().len(), 121);
        assert_eq!(size_of::<Field>(), 2);
        for field in Field::all() {
            assert_eq!(field.to_string().parse(), Ok(field));
            assert!(!field.title().is_empty() && !field.description().is_empty(), "{field}");
            assert_eq!((field.name().parse(), Field::from_name(field.name())), (Ok(field), Some(field)));
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(field.name().bytes().all(is_plain), "{}", field.name());
            assert_eq!(serde_json::from_str::<Field>(&serde_json::to_string(&field).unwrap()).unwrap(), field);
        }
        for id in 0..=0x7fff {
            let field = Field(id);
            if id > 0 {
                assert_eq!(Field::from_key(&field.to_string()), Some(field));
            }
        }
        for key in
            ["", "0", "031", "32768", "99999", "123456", "_updated", "87_", "87_rax", "87_raw2", "-31", "3 1", "٣"]
        {
            assert_eq!(Field::from_key(key), None, "{key}");
        }
        assert!(Field::all().zip(Field::all().skip(1)).all(|(one, next)| one < next));
        assert_eq!((Field::from_name(""), Field::from_name("Last Price")), (None, None));
        assert!(["89", "", "lastprice"].iter().all(|text| text.parse::<Field>().is_err()));
        assert_eq!(Field::VOLUME_RAW.id(), Field::VOLUME.id());
    }

    #[test]
    fn names_are_unique_and_those_of_ibind_where_it_has_the_field() {
        let mut names: Vec<&str> = Field::all().map(Field::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Field::all().len());
        for (name, field) in [
            ("last_price", Field::LAST),
            ("avg_price", Field::AVERAGE_PRICE),
            ("bid_codes", Field::BID_EXCHANGE),
            ("market_data_availability", Field::AVAILABILITY),
            ("52_week_high", Field::HIGH_52_WEEKS),
            ("p_e", Field::PRICE_EARNINGS),
            ("mark_price", Field::MARK),
            ("volume_long", Field::VOLUME_LONG),
        ] {
            assert_eq!((name.parse(), field.name()), (Ok(field), name));
        }
    }

    /// Compares the titles with a table of fields, if `IBWS_FIELDS` names one: CSV with a title
    /// line, of which the first two columns are number and title.
    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test prints why")]
    fn titles_equal_those_of_a_given_table() {
        let Some(path) = std::env::var_os("IBWS_FIELDS") else {
            std::eprintln!("skipped: IBWS_FIELDS names no table of fields");
            return;
        };
        let csv = std::fs::read_to_string(path).unwrap();
        let mut count = 0;
        for line in csv.lines().skip(1) {
            let mut columns = line.splitn(3, ',');
            let (id, title) = (columns.next().unwrap(), columns.next().unwrap());
            let field: Field = id.parse().unwrap();
            assert_eq!(field.title(), title, "{id}");
            count += 1;
        }
        // The stock type was announced later than the others.
        assert!(count == Field::all().len() || count + 1 == Field::all().len(), "{count}");
    }
}
