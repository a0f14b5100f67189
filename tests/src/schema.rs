//! Checks values against the JSON Schema of the lines, `ibws-proto/docs/events.schema.json`. The
//! type of a line chooses which of the alternatives must fit.
//!
//! It knows the keywords that this file uses, and fails on any other. It is stricter than JSON
//! Schema in one point: a member that an object's `properties` do not list is an error, because the
//! file must list everything that is written.

use bytes::Bytes;
use ibws_proto::frame::Kind;
use ibws_proto::line::{Line, SCHEMA};
use ibws_proto::{Frame, Json, is_misleading};

/// Keywords that check nothing.
const NOTES: [&str; 8] = ["$schema", "$defs", "title", "description", "examples", "x-absent", "x-since", "x-version"];

/// A schema.
#[derive(Debug)]
pub struct Schema(Frame);

impl Schema {
    /// Reads the schema of the lines.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn of_lines() -> Self {
        Self(Frame::decode(Bytes::from_static(SCHEMA.as_bytes())).expect("the schema is JSON"))
    }

    /// Returns the whole schema.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        self.0.json()
    }

    /// Returns a definition.
    ///
    /// # Panics
    /// If there is none with this name.
    #[must_use]
    pub fn definition(&self, name: &str) -> Json<'_> {
        self.json().get("$defs").and_then(|all| all.get(name)).unwrap_or_else(|| panic!("no definition of {name}"))
    }

    /// Returns the names of the types of lines.
    pub fn types(&self) -> impl Iterator<Item = String> {
        let refs = self.json().get("anyOf").into_iter().flat_map(Json::elements);
        refs.map(|it| self.name_of(it).unwrap_or_default())
    }

    /// Returns the members of a type, each with its schema.
    pub fn members(&self, name: &str) -> impl Iterator<Item = (String, Json<'_>)> {
        let members = self.definition(name).get("properties").into_iter().flat_map(Json::members);
        members.map(|(key, schema)| (key.into_owned(), schema))
    }

    /// Returns what a schema refers to, or the schema itself.
    #[must_use]
    pub fn resolved<'a>(&'a self, schema: Json<'a>) -> Json<'a> {
        self.name_of(schema).map_or(schema, |name| self.definition(&name))
    }

    fn name_of(&self, schema: Json<'_>) -> Option<String> {
        Some(schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?.to_owned())
    }

    /// Checks a line.
    ///
    /// # Errors
    /// The first offence, with its place.
    pub fn check_line(&self, line: &str) -> Result<(), String> {
        let frame = Frame::decode(Bytes::copy_from_slice(line.as_bytes())).map_err(|error| error.to_string())?;
        let name = frame.get("type").and_then(Json::as_str).ok_or("no type")?;
        if !self.types().any(|known| known == name) {
            return Err(format!("the type {name} is not in the schema"));
        }
        self.check(self.definition(&name), frame.json(), &name)
    }

    /// Checks a value against a part of the schema. `place` names the value in errors.
    ///
    /// # Errors
    /// The first offence, with its place.
    pub fn check(&self, schema: Json<'_>, value: Json<'_>, place: &str) -> Result<(), String> {
        schema.members().try_for_each(|(keyword, rule)| self.keyword(schema, &keyword, rule, value, place))
    }

    fn keyword(
        &self,
        schema: Json<'_>,
        keyword: &str,
        rule: Json<'_>,
        value: Json<'_>,
        place: &str,
    ) -> Result<(), String> {
        let fits = match keyword {
            "$ref" => return self.check(self.resolved(schema), value, place),
            "type" if rule.kind() == Kind::Array => rule.elements().any(|name| is_of_type(value, name)),
            "type" => is_of_type(value, rule),
            "const" => value.text() == rule.text(),
            "enum" => rule.elements().any(|word| word.text() == value.text()),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "required" => rule.elements().all(|name| name.as_str().is_some_and(|name| value.get(&name).is_some())),
            "items" => {
                return value
                    .elements()
                    .enumerate()
                    .try_for_each(|(n, it)| self.check(rule, it, &format!("{place}[{n}]")));
            }
            "properties" => {
                return value.members().try_for_each(|(key, it)| match rule.get(&key) {
                    Some(schema) => self.check(schema, it, &format!("{place}.{key}")),
                    None => Err(format!("{place}.{key} is not in the schema")),
                });
            }
            note if NOTES.contains(&note) => true,
            _ => return Err(format!("the schema has the keyword {keyword}, which this check does not know")),
        };
        if fits { Ok(()) } else { Err(format!("{place}: {} breaks {keyword} {}", value.text(), rule.text())) }
    }
}

/// Reads a line back, and checks that it is harmless to a terminal and is written as it was.
///
/// # Errors
/// What is wrong with the line.
pub fn read_back(written: &str) -> Result<Line, String> {
    if let Some(bad) = written.chars().find(|character| is_misleading(*character)) {
        return Err(format!("{bad:?} is not escaped: {written}"));
    }
    let line = Line::parse(written).map_err(|error| format!("{error}: {written}"))?;
    let again = line.to_string();
    if again == written { Ok(line) } else { Err(format!("read back it is {again}: {written}")) }
}

fn is_of_type(value: Json<'_>, name: Json<'_>) -> bool {
    match (name.as_str().as_deref(), value.kind()) {
        (Some("null"), Kind::Null)
        | (Some("boolean"), Kind::Bool)
        | (Some("string"), Kind::String)
        | (Some("array"), Kind::Array)
        | (Some("object"), Kind::Object) => true,
        (Some("integer"), Kind::Number) => !value.text().contains(['.', 'e', 'E']),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_break_the_schema_are_refused() {
        let schema = Schema::of_lines();
        assert_eq!(schema.check_line(r#"{"type":"competing","competing":true,"unix_ms":1}"#), Ok(()));
        for (line, offence) in [
            (r#"{"type":"none"}"#, "not in the schema"),
            (r#"{"competing":true}"#, "no type"),
            (r#"{"type":"competing"}"#, "breaks required"),
            (r#"{"type":"competing","competing":1}"#, "breaks type"),
            (r#"{"type":"competing","competing":true,"x":1}"#, "competing.x is not in the schema"),
            (r#"{"type":"account","status":"other"}"#, "breaks const"),
            (r#"{"type":"state","state":"other","attempt":1}"#, "breaks enum"),
            (r#"{"type":"state","state":"open","attempt":-1}"#, "breaks minimum"),
            (r#"{"type":"state","state":"open","attempt":1.5}"#, "breaks type"),
            (r#"{"type":"state","state":"open","attempt":1,"cause_detail":{"kind":"x"}}"#, "state.cause_detail.kind"),
            (r#"{"type":"caught_up","channel":"or","outage_ms":1,"orders":[1],"executions":[]}"#, "orders[0]"),
        ] {
            let found = schema.check_line(line).unwrap_err();
            assert!(found.contains(offence), "{line}: {found}");
        }
    }

    #[test]
    fn an_unknown_keyword_is_an_error() {
        let schema = Schema::of_lines();
        let unknown = Frame::decode(r#"{"pattern":"x"}"#.into()).unwrap();
        let refused = schema.check(unknown.json(), schema.json(), "x").unwrap_err();
        assert!(refused.contains("pattern"), "{refused}");
    }
}
