//! A TOML document that knows where each of its values was written.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Origin, ScenarioError};

/// The whole file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) file: String,
    pub(super) root: Table,
}

/// Keys, each with its place and value.
pub(super) type Table = BTreeMap<String, Item>;

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Item>),
    Table(Table),
    /// A date: no key of a scenario takes one.
    Date,
}

impl Document {
    pub(super) fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        let place = |offset: usize| Origin::Line(line_of(text, offset));
        let root = table_of(text, file, &place)?;
        Ok(Self { file: file.to_owned(), root })
    }

    /// Puts a value at `path`, a dotted TOML key in which a number indexes an array, in the place of what the file says.
    /// What is no TOML value is taken as a string, so that units need no quotes.
    pub(super) fn set(&mut self, path: &str, value: &str) -> Result<(), ScenarioError> {
        let (file, key) = (self.file.clone(), path.to_owned());
        let refuse = |problem: String| ScenarioError { file, origin: Origin::Set, key, problem };
        let Some(keys) = keys_of(path) else {
            return Err(refuse("is no path: write dotted keys, such as network.loss".to_owned()));
        };
        let parsed = single(&format!("x = {value}\n"));
        let value = parsed.map_or_else(|| Value::String(value.to_owned()), |item| item.value);
        put(&mut self.root, &keys, value).map_err(refuse)
    }
}

/// The keys of a dotted path, which TOML itself splits.
fn keys_of(path: &str) -> Option<Vec<String>> {
    let mut table = table_of(&format!("{path} = 0\n"), "", &|_| Origin::Set).ok()?;
    let mut keys = Vec::new();
    while table.len() == 1 {
        let (key, item) = table.pop_first()?;
        keys.push(key);
        match item.value {
            Value::Table(inner) => table = inner,
            Value::Integer(0) => return Some(keys),
            _ => return None,
        }
    }
    None
}

/// The value of a text with one key.
fn single(text: &str) -> Option<Item> {
    let mut table = table_of(text, "", &|_| Origin::Set).ok()?;
    let (_, item) = table.pop_first()?;
    table.is_empty().then_some(item)
}

fn put(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else { return Ok(()) };
    let empty = Item { origin: Origin::Set, value: Value::Table(Table::new()) };
    put_item(table.entry(key.clone()).or_insert(empty), rest, value)
}

fn put_item(item: &mut Item, keys: &[String], value: Value) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else {
        *item = Item { origin: Origin::Set, value };
        return Ok(());
    };
    match &mut item.value {
        Value::Table(table) => put(table, keys, value),
        Value::Array(items) => {
            let count = items.len();
            let old = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            let old = old.ok_or_else(|| format!("`{key}` is no index here: there are {count}, counted from 0"))?;
            put_item(old, rest, value)
        }
        _ => Err(format!("`{key}` cannot be inside a value")),
    }
}

fn table_of(text: &str, file: &str, place: &dyn Fn(usize) -> Origin) -> Result<Table, ScenarioError> {
    match DeTable::parse(text) {
        Ok(table) => Ok(convert_table(table.get_ref(), place)),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let problem = format!("not TOML: {}", error.message());
            Err(ScenarioError { file: file.to_owned(), origin: place(offset), key: String::new(), problem })
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn convert_table(table: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) -> Table {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let item = Item { origin: place(key.span().start), value: convert(value.get_ref(), place) };
        (key.get_ref().to_string(), item)
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, place: &dyn Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        // A number that does not fit is kept as one that no key accepts.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Float(f64::INFINITY), Value::Integer),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| Item { origin: place(item.span().start), value: convert(item.get_ref(), place) })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        Document::parse("nodes = 2\n[network]\nloss = 0.5\n[[event]]\nat = \"1s\"\n", "f.toml").unwrap()
    }

    fn at<'a>(table: &'a Table, key: &str) -> &'a Item {
        &table[key]
    }

    #[test]
    fn a_value_knows_its_line() {
        let document = document();
        let Value::Table(network) = &at(&document.root, "network").value else { panic!("a table") };
        assert_eq!(at(network, "loss").origin, Origin::Line(3));
    }

    #[test]
    fn what_is_no_toml_names_its_line() {
        let error = Document::parse("nodes = 2\nduration = \n", "f.toml").unwrap_err();
        assert_eq!(error.line(), Some(2));
        assert!(error.to_string().starts_with("f.toml:2: not TOML"), "{error}");
    }

    #[test]
    fn setting_replaces_adds_and_indexes() {
        let mut document = document();
        document.set("network.loss", "0.25").unwrap();
        document.set("config.\"membership.probe_interval\"", "2s").unwrap();
        document.set("event.0.at", "5s").unwrap();
        let Value::Table(network) = &at(&document.root, "network").value else { panic!("a table") };
        assert!(matches!(at(network, "loss"), Item { origin: Origin::Set, value: Value::Float(0.25) }));
        let Value::Table(config) = &at(&document.root, "config").value else { panic!("a table") };
        assert!(matches!(&at(config, "membership.probe_interval").value, Value::String(text) if text == "2s"));
        let Value::Array(events) = &at(&document.root, "event").value else { panic!("an array") };
        let Value::Table(event) = &events[0].value else { panic!("a table") };
        assert!(matches!(&at(event, "at").value, Value::String(text) if text == "5s"));
    }

    #[test]
    fn a_table_that_is_set_replaces_the_one_of_the_file() {
        let mut document = document();
        document.set("network", "{ latency = 1 }").unwrap();
        let Value::Table(network) = &at(&document.root, "network").value else { panic!("a table") };
        assert_eq!(network.keys().collect::<Vec<_>>(), ["latency"]);
    }

    #[test]
    fn setting_what_is_no_path_or_no_index_is_an_error() {
        let mut document = document();
        assert!(document.set("a b", "1").is_err());
        assert!(document.set("nodes = 1\nx", "2").is_err());
        assert!(document.set("nodes.x", "2").unwrap_err().problem.contains("inside a value"));
        assert!(document.set("event.7.at", "1s").unwrap_err().problem.contains("there are 1"));
    }
}
