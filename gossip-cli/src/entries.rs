//! Keys and values as JSON files: what `import` reads and `export` writes.
//!
//! A value is text. JSON text other than a string is stored compact but otherwise digit by digit; a string is stored
//! without its quotes, unless the bare text would itself read as JSON (`"5"` is not `5`). Export goes the other way:
//! what reads as JSON stands as such, the rest as a string. So what was imported comes out equal. Values of other types
//! than text stand in an object that is marked: see [`MARK`].

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::change::{Change, MARK, Stored};
use crate::exit::Failure;

/// A key and what is stored under it.
pub(crate) type Entry = (String, Stored);

/// Reads a JSON object, or an array of objects whose field `key` is the key. `file` is how errors call it.
pub(crate) fn parse(text: &str, key: Option<&str>, file: &str) -> Result<Vec<Entry>, Failure> {
    let document = Document { text, file };
    let found = match (text.trim_start().chars().next(), key) {
        (Some('{'), None) => document.object()?,
        (Some('['), Some(key)) => document.array(key)?,
        (Some('{'), Some(_)) => {
            return Err(document
                .error_at(text, "--key is for an array of objects, and this is one object")
                .hint("leave --key out: each field of the object becomes a key"));
        }
        (Some('['), None) => {
            return Err(document
                .error_at(text, "an array needs --key to say what its keys are")
                .hint("--key FIELD names the field whose text is the key, such as --key name"));
        }
        _ => {
            // Whatever is wrong with it, the parser says it with its place; a lone number is no catalogue either.
            document.read::<&RawValue>(text)?;
            return Err(document.error_at(text, "neither an object nor an array of objects"));
        }
    };
    document.refuse_duplicates(&found)?;
    found.into_iter().map(|(key, raw)| Ok((key, document.stored(raw)?))).collect()
}

/// The entries as one JSON object with sorted keys, pretty enough to read and to compare line by line.
pub(crate) fn to_json(entries: impl IntoIterator<Item = Entry>) -> Result<String, Failure> {
    let sorted: BTreeMap<String, Stored> = entries.into_iter().collect();
    let mut out = String::from("{");
    for (index, (key, value)) in sorted.iter().enumerate() {
        let separator = if index == 0 { "\n  " } else { ",\n  " };
        out.push_str(&format!("{separator}{}: {}", quoted(key)?, exported(value)?));
    }
    out.push_str(if sorted.is_empty() { "}\n" } else { "\n}\n" });
    Ok(out)
}

fn exported(value: &Stored) -> Result<String, Failure> {
    match value {
        // Bare, it would be read as what it only looks like.
        Stored::Text(text) if is_marked(text) => marked(&Change::Register(text.clone())),
        Stored::Text(text) if is_json(text) => Ok(compact(text)),
        Stored::Text(text) => quoted(text),
        Stored::Typed(changes) => match &changes[..] {
            [change] => marked(change),
            several => marked(several),
        },
    }
}

fn marked(changes: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    Ok(format!("{{{}: {}}}", quoted(MARK)?, quoted(changes)?))
}

/// Whether it is an object with the mark as its only field.
fn is_marked(json: &str) -> bool {
    json.trim_start().starts_with('{') && serde_json::from_str::<Marked<'_>>(json).is_ok()
}

fn quoted(value: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// The same JSON without the white space between its parts; numbers and escapes stay letter by letter.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            let keep = in_string || !c.is_ascii_whitespace();
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = in_string;
            } else if c == '"' {
                in_string = !in_string;
            }
            keep
        })
        .collect()
}

/// The text of a file, and how to say where in it something is.
struct Document<'a> {
    text: &'a str,
    file: &'a str,
}

impl<'a> Document<'a> {
    fn object(&self) -> Result<Vec<(String, &'a RawValue)>, Failure> {
        Ok(self.read::<Fields<'a>>(self.text)?.0)
    }

    fn array(&self, key: &str) -> Result<Vec<(String, &'a RawValue)>, Failure> {
        let elements: Vec<&'a RawValue> = self.read(self.text)?;
        elements.into_iter().map(|element| Ok((self.key_of(element, key)?, element))).collect()
    }

    fn key_of(&self, element: &'a RawValue, key: &str) -> Result<String, Failure> {
        let text = element.get();
        if !text.starts_with('{') {
            return Err(self.error_at(text, "this element of the array is no object"));
        }
        let fields: Fields<'a> = self.read(text)?;
        let field = fields.0.iter().find(|(name, _)| name == key);
        let Some((_, value)) = field else {
            return Err(self.error_at(text, format_args!("this element has no field `{key}`")));
        };
        if !value.get().starts_with('"') {
            return Err(self.error_at(value.get(), format_args!("the field `{key}` must be text to be a key")));
        }
        self.read(value.get())
    }

    fn refuse_duplicates(&self, entries: &[(String, &'a RawValue)]) -> Result<(), Failure> {
        let mut seen = BTreeMap::new();
        for (key, raw) in entries {
            if let Some(first) = seen.insert(key, raw) {
                let (line, _) = self.place(self.offset(first.get()));
                return Err(self.error_at(raw.get(), format_args!("the key {key:?} is already in line {line}")));
            }
        }
        Ok(())
    }

    fn stored(&self, raw: &'a RawValue) -> Result<Stored, Failure> {
        // The raw form is only checked for its brackets and quotes; this also refuses what could not be exported.
        match self.read::<Value>(raw.get())? {
            Value::String(text) if !is_json(&text) => Ok(Stored::Text(text)),
            Value::Object(_) if is_marked(raw.get()) => {
                let value = self.read::<Marked<'a>>(raw.get())?.value;
                if value.get().starts_with('[') {
                    return self.read(value.get()).map(Stored::Typed);
                }
                Ok(match self.read(value.get())? {
                    Change::Register(text) => Stored::Text(text),
                    change => Stored::Typed(vec![change]),
                })
            }
            _ => Ok(Stored::Text(compact(raw.get()))),
        }
    }

    fn read<T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, Failure> {
        serde_json::from_str(part).map_err(|error| {
            let (line, column) = self.place(self.offset(part));
            // A place within the part's first line is counted from where the part begins.
            let column = if error.line() <= 1 { column + error.column().saturating_sub(1) } else { error.column() };
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or_default();
            let line = line + error.line().saturating_sub(1);
            Failure::input(format!("{}: line {line}, column {column}: {reason}; nothing was imported", self.file))
        })
    }

    fn error_at(&self, part: &str, what: impl Display) -> Failure {
        let (line, column) = self.place(self.offset(part));
        Failure::input(format!("{}: line {line}, column {column}: {what}; nothing was imported", self.file))
    }

    /// Where `part`, a piece of the text, begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }

    /// Line and column of an offset, both from 1, the column in bytes as the JSON parser counts it.
    fn place(&self, offset: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..offset];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (line, column)
    }
}

/// An object that stands for values of other types than text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked<'a> {
    /// As [`MARK`] says.
    #[serde(borrow, rename = "$gossip")]
    value: &'a RawValue,
}

/// The fields of an object in their order, repeated ones included.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Result<Vec<Entry>, Failure> {
        parse(text, None, "f.json")
    }

    fn array(text: &str) -> Result<Vec<Entry>, Failure> {
        parse(text, Some("name"), "f.json")
    }

    fn stored(text: &str) -> Stored {
        Stored::Text(text.into())
    }

    fn message(result: Result<Vec<Entry>, Failure>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn what_was_imported_comes_out_equal() {
        let text = r#"{"a": "plain", "b": "5", "c": 5, "d": {"x": [1, 2.50, 12345678901234567890123]}, "e": null,
            "f": "", "g": "\"quoted\"", "h": " true ", "i": "grün \u00e9 \n", "j": true, "k": 1e3}"#;
        let exported = to_json(object(text).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&exported).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert!(exported.contains("12345678901234567890123"), "{exported}");
        assert_eq!(to_json(object(&exported).unwrap()).unwrap(), exported);
    }

    #[test]
    fn text_is_stored_bare_and_structures_compact() {
        let entries = object("{\"a\": \"plain\", \"b\": {\n \"x\": \"1 \\\" 2\"}}").unwrap();
        assert_eq!(entries[0].1, stored("plain"));
        assert_eq!(entries[1].1, stored(r#"{"x":"1 \" 2"}"#));
    }

    #[test]
    fn values_of_other_types_come_out_equal_and_texts_that_look_like_them_too() {
        let text = r#"{"c": {"$gossip": {"type": "counter", "value": 5}},
            "l": {"$gossip": {"type": "register", "value": "{\"$gossip\":{}}"}}, "m": {"$gossip": 1, "more": 2},
            "s": {"$gossip": [{"type": "set", "value": ["a"]}, {"type": "flag", "value": true}]}}"#;
        let entries = object(text).unwrap();
        assert_eq!(entries[0].1, Stored::Typed(vec![Change::Counter(5)]));
        assert_eq!(entries[1].1, stored(r#"{"$gossip":{}}"#));
        let exported = to_json(entries).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&exported).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_value_of_no_known_type_is_refused_with_its_place() {
        let text = "{\n  \"c\": {\"$gossip\": {\"type\": \"tree\", \"value\": 5}}\n}";
        let message = message(object(text));
        assert!(message.contains("line 2") && message.contains("tree"), "{message}");
    }

    #[test]
    fn an_array_is_keyed_by_a_field() {
        let entries = array(r#"[{"name": "a", "n": 1}, {"name": "b"}]"#).unwrap();
        let expected = [("a".into(), stored(r#"{"name":"a","n":1}"#)), ("b".into(), stored(r#"{"name":"b"}"#))];
        assert_eq!(entries, expected);
    }

    #[test]
    fn the_export_is_sorted() {
        let exported = to_json([("b".into(), stored("1")), ("a".into(), stored("x"))]).unwrap();
        assert_eq!(exported, "{\n  \"a\": \"x\",\n  \"b\": 1\n}\n");
        assert_eq!(to_json([]).unwrap(), "{}\n");
    }

    #[test]
    fn invalid_json_names_line_and_column() {
        assert!(message(object("{\n  \"a\": 1,\n  \"b\": oops\n}")).contains("f.json: line 3, column 8"));
        assert!(message(object("")).contains("line 1"));
        assert!(message(object("{\"a\": 1} trailing")).contains("line 1, column 10"));
    }

    #[test]
    fn a_problem_inside_an_element_is_placed_in_the_file() {
        let text = "[\n  {\"name\": \"a\"},\n  {\"name\": 7}\n]";
        let message = message(array(text));
        assert!(message.contains("line 3, column 12"), "{message}");
    }

    #[test]
    fn elements_without_a_usable_key_are_refused() {
        for text in ["[1]", "[{}]", "[{\"name\": null}]", "[{\"name\": \"a\"}, {\"name\": \"a\"}]"] {
            assert!(array(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_name_is_a_key_like_any_other() {
        assert_eq!(array("[{\"name\": \"\"}]").unwrap()[0].0, "");
    }

    #[test]
    fn a_repeated_key_is_refused_with_both_lines() {
        let message = message(object("{\n\"a\": 1,\n\"a\": 2}"));
        assert!(message.contains("line 3") && message.contains("line 2"), "{message}");
    }

    #[test]
    fn what_could_not_be_exported_is_refused() {
        assert!(object(r#"{"a": "\ud800"}"#).is_err());
        assert!(object(r#"{"a": [1e999]}"#).is_err());
    }

    #[test]
    fn an_array_needs_a_key_and_an_object_refuses_one() {
        assert!(object("[]").unwrap_err().hint.unwrap().contains("--key"));
        assert!(array("{}").is_err());
        assert!(message(object("7")).contains("neither"));
    }
}
