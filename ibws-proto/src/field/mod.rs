//! The fields of market data: their ids, and what their values mean (docs/protocol.md §3.1).

mod availability;
mod table;
mod value;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use availability::{Availability, Timing};
pub use value::{Mark, Price, Value};

/// A field of market data, named by the number that is its key on the wire.
///
/// It costs two bytes. The documented fields are constants ([`Field::LAST`], [`Field::BID`]…) and are found with
/// [`from_id`](Self::from_id); what a frame has beyond them is kept under its number, [`is_listed`](Self::is_listed)
/// tells the two apart.
///
/// ```
/// use ibws_proto::Field;
///
/// assert_eq!(Field::from_id(84), Some(Field::BID));
/// assert_eq!(Field::BID.name(), "Bid Price");
/// assert_eq!("84".parse(), Ok(Field::BID));
/// assert_eq!(Field::BID.to_string(), "84");
/// assert_eq!(Field::from_id(89), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(u16);

/// Set for a key with `_raw` behind its number.
const RAW: u16 = 0x8000;

impl Field {
    /// All listed fields, by number, [`Field::VOLUME_RAW`] last.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        table::TABLE.iter().map(|listed| Self(listed.id))
    }

    /// The listed field of this number.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Some(Self(id)).filter(|field| id & RAW == 0 && field.is_listed())
    }

    /// The field of a key, listed or not; `None` for a key that is no number below 32768 (`87_raw` apart).
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
                    // Five digits at most: no overflow.
                    id = id.wrapping_mul(10).wrapping_add(u32::from(digit));
                }
                u16::try_from(id).ok().filter(|id| id & RAW == 0).map(Self)
            }
            b"87_raw" => Some(Self::VOLUME_RAW),
            _ => None,
        }
    }

    /// The number; of [`Field::VOLUME_RAW`] that of the field it stands beside, 87.
    #[must_use]
    pub const fn id(self) -> u16 {
        self.0 & !RAW
    }

    /// Is it in the table of documented fields?
    #[must_use]
    pub fn is_listed(self) -> bool {
        self.listed().is_some()
    }

    /// IBKR's name for it; empty for a field of no table. Two pairs of fields share a name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.listed().map_or("", |listed| listed.name)
    }

    /// What it means, in a sentence; empty for a field of no table.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.listed().map_or("", |listed| listed.description.trim_ascii())
    }

    fn listed(self) -> Option<&'static table::Listed> {
        let at = table::TABLE.binary_search_by_key(&self.0, |listed| listed.id).ok()?;
        table::TABLE.get(at)
    }

    /// The key on the wire.
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

/// The key of a field as text, on the stack.
#[derive(Clone, Copy)]
pub(crate) struct FieldKey {
    bytes: [u8; 9],
    start: u8,
    end: u8,
}

impl FieldKey {
    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The key on the wire: `84`, `87_raw`.
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

/// A text that is no listed field's key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no market data field {0:?}: a field is written as its number, 31 for the last price")]
pub struct UnknownFieldError(pub alloc::string::String);

impl FromStr for Field {
    type Err = UnknownFieldError;

    /// Reads the key of a listed field.
    fn from_str(key: &str) -> Result<Self, UnknownFieldError> {
        Self::from_key(key)
            .filter(|field| field.is_listed())
            .ok_or_else(|| UnknownFieldError(key.chars().take(40).collect()))
    }
}

/// As the wire's key, a string.
impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key().as_str())
    }
}

/// From the wire's key, of a listed field or another.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_key(&key).ok_or_else(|| serde::de::Error::custom(UnknownFieldError(key.chars().take(40).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_field_reads_back_what_it_writes() {
        assert_eq!(Field::all().len(), 121);
        assert_eq!(size_of::<Field>(), 2);
        for field in Field::all() {
            assert_eq!(field.to_string().parse(), Ok(field));
            assert!(!field.name().is_empty() && !field.description().is_empty(), "{field}");
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
        assert!("89".parse::<Field>().is_err());
        assert_eq!(Field::VOLUME_RAW.id(), Field::VOLUME.id());
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that skips says so")]
    fn the_table_is_that_of_the_protocol_notes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fields.csv");
        let Ok(csv) = std::fs::read_to_string(path) else {
            std::eprintln!("skipped: no shared folder beside the checkout");
            return;
        };
        let mut ids = 0;
        for line in csv.lines().skip(1) {
            let mut columns = line.splitn(3, ',');
            let (id, name) = (columns.next().unwrap(), columns.next().unwrap());
            let field: Field = id.parse().unwrap();
            assert_eq!(field.name(), name, "{id}");
            ids += 1;
        }
        assert_eq!(ids, Field::all().len());
    }
}
