//! Strict reading: each key is asked for by name, what nobody asked for is an error that names its place.

use std::time::Duration;

use super::document::{Document, Item, Table, Value};
use super::error::{Origin, ScenarioError, suggestion};
use super::units;

/// A table that is being read.
pub(super) struct Section<'a> {
    file: &'a str,
    path: String,
    origin: Origin,
    table: &'a Table,
    known: Vec<&'static str>,
}

/// A value that is being read.
pub(super) struct Field<'a> {
    file: &'a str,
    path: String,
    origin: Origin,
    value: &'a Value,
}

impl<'a> Section<'a> {
    /// The document's outermost table.
    pub(super) fn root(document: &'a Document) -> Self {
        let origin = Origin::Line(1);
        Self { file: &document.file, path: String::new(), origin, table: &document.root, known: Vec::new() }
    }

    /// The value of `key`, if it is there.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let Item { origin, value } = self.table.get(key)?;
        Some(Field { file: self.file, path: self.path_of(key), origin: *origin, value })
    }

    /// The value of `key`.
    pub(super) fn required(&mut self, key: &'static str) -> Result<Field<'a>, ScenarioError> {
        self.optional(key).ok_or_else(|| self.error(key, "is missing".to_owned()))
    }

    /// Refuses `key` if it is there: the contract has it, the simulator does not yet.
    pub(super) fn not_built(&mut self, key: &'static str) -> Result<(), ScenarioError> {
        self.optional(key).map_or(Ok(()), |field| Err(field.not_built()))
    }

    /// Refuses the first key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), ScenarioError> {
        let unknown = self.table.iter().filter(|(key, _)| !self.known.contains(&key.as_str()));
        let Some((key, item)) = unknown.min_by_key(|(_, item)| item.origin) else { return Ok(()) };
        let problem = format!("unknown key{}", suggestion(key, self.known.iter().copied()));
        Err(ScenarioError { origin: item.origin, key: self.path_of(key), ..self.error("", problem) })
    }

    /// Which keys there are.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table.keys().map(String::as_str)
    }

    /// What is wrong with `key` of this table, or with the table if it is empty.
    pub(super) fn error(&self, key: &str, problem: String) -> ScenarioError {
        let key = if key.is_empty() { self.path.clone() } else { self.path_of(key) };
        ScenarioError { file: self.file.to_owned(), origin: self.origin, key, problem }
    }

    fn path_of(&self, key: &str) -> String {
        // As TOML writes it: nothing would name nothing.
        let key = if key.is_empty() { "\"\"" } else { key };
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'a> Field<'a> {
    pub(super) fn error(&self, problem: impl Into<String>) -> ScenarioError {
        let (file, key, problem) = (self.file.to_owned(), self.path.clone(), problem.into());
        ScenarioError { file, origin: self.origin, key, problem }
    }

    pub(super) fn not_built(&self) -> ScenarioError {
        self.error("not built yet: this simulator cannot do it")
    }

    pub(super) fn section(&self) -> Result<Section<'a>, ScenarioError> {
        let Value::Table(table) = self.value else { return Err(self.mismatch("a table")) };
        Ok(Section { file: self.file, path: self.path.clone(), origin: self.origin, table, known: Vec::new() })
    }

    pub(super) fn items(&self) -> Result<impl Iterator<Item = Field<'a>> + use<'a>, ScenarioError> {
        let Value::Array(items) = self.value else { return Err(self.mismatch("an array")) };
        let (file, path) = (self.file, self.path.clone());
        let field = move |(index, item): (usize, &'a Item)| {
            let path = format!("{path}[{index}]");
            Field { file, path, origin: item.origin, value: &item.value }
        };
        Ok(items.iter().enumerate().map(field))
    }

    pub(super) fn text(&self) -> Result<&'a str, ScenarioError> {
        if let Value::String(text) = self.value { Ok(text) } else { Err(self.mismatch("a string")) }
    }

    pub(super) fn boolean(&self) -> Result<bool, ScenarioError> {
        if let Value::Boolean(boolean) = self.value { Ok(*boolean) } else { Err(self.mismatch("true or false")) }
    }

    pub(super) fn duration(&self) -> Result<Duration, ScenarioError> {
        let Value::String(text) = self.value else {
            return Err(self.mismatch("a duration with its unit in quotes, such as \"400ms\""));
        };
        units::duration(text).map_err(|problem| self.error(problem))
    }

    /// Microseconds, forward with `+` or no sign, back with `-`.
    pub(super) fn jump(&self) -> Result<i64, ScenarioError> {
        units::jump(self.text()?).map_err(|problem| self.error(problem))
    }

    /// Bits per second.
    pub(super) fn rate(&self) -> Result<u64, ScenarioError> {
        units::rate(self.text()?).map_err(|problem| self.error(problem))
    }

    /// A whole number in `range`.
    pub(super) fn count(&self, range: std::ops::RangeInclusive<usize>) -> Result<usize, ScenarioError> {
        let Value::Integer(number) = self.value else { return Err(self.mismatch("a whole number")) };
        let (least, most) = range.into_inner();
        let count = usize::try_from(*number).ok().filter(|count| (least..=most).contains(count));
        count.ok_or_else(|| self.error(format!("{number} is impossible: from {least} to {most}")))
    }

    /// A number from 0 to 1.
    pub(super) fn share(&self) -> Result<f64, ScenarioError> {
        let number = match self.value {
            Value::Float(number) => *number,
            Value::Integer(number) if (0..=1).contains(number) => f64::from(u8::from(*number == 1)),
            Value::Integer(_) => f64::INFINITY,
            _ => return Err(self.mismatch("a number from 0 to 1")),
        };
        if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(self.error("must be from 0 to 1")) }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::Array(_))
    }

    fn mismatch(&self, wanted: &str) -> ScenarioError {
        self.error(format!("must be {wanted}"))
    }

    /// The value as plain TOML, for what reads itself.
    pub(super) fn plain(&self) -> Result<toml::Value, ScenarioError> {
        plain(self.value).ok_or_else(|| self.error("no key takes a date"))
    }

    pub(super) fn origin_of_leaf(&self, path: &str) -> Option<Origin> {
        let Value::Table(table) = self.value else { return None };
        leaf_origin(table, path)
    }
}

fn plain(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Float(number) => toml::Value::Float(*number),
        Value::Boolean(boolean) => toml::Value::Boolean(*boolean),
        Value::Array(items) => toml::Value::Array(items.iter().map(|item| plain(&item.value)).collect::<Option<_>>()?),
        Value::Table(table) => toml::Value::Table(
            table.iter().map(|(key, item)| Some((key.clone(), plain(&item.value)?))).collect::<Option<_>>()?,
        ),
        Value::Date => return None,
    })
}

/// Where the value of a dotted path was written, whichever of its dots are nesting and whichever stand in quoted keys.
fn leaf_origin(table: &Table, path: &str) -> Option<Origin> {
    table.iter().find_map(|(key, item)| {
        let rest = path.strip_prefix(key.as_str())?;
        match (rest.strip_prefix('.'), &item.value) {
            _ if rest.is_empty() => Some(item.origin),
            (Some(rest), Value::Table(inner)) => leaf_origin(inner, rest),
            _ => None,
        }
    })
}
