//! The catalogue that `demo` and `import --sample` share when nobody brings one.

use std::path::Path;

use crate::change::Stored;
use crate::entries;
use crate::exit::Failure;

/// A key and the text stored under it.
pub(crate) type Entry = (String, String);

const SAMPLE: &str = include_str!("../data/catalogue.json");
/// The field that names an entry of a catalogue written as an array.
const NAME: &str = "name";

/// The built-in sample: services of an invented company.
pub(crate) fn sample() -> Result<Vec<Entry>, Failure> {
    texts(entries::parse(SAMPLE, Some(NAME), "built-in sample")?)
}

/// The file's entries: an array of objects with a `name`, or an object.
pub(crate) fn load(file: &Path) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))?;
    let key = text.trim_start().starts_with('[').then_some(NAME);
    texts(entries::parse(&text, key, &file.display().to_string())?)
}

fn texts(entries: Vec<entries::Entry>) -> Result<Vec<Entry>, Failure> {
    let text = |(key, stored)| match stored {
        Stored::Text(text) => Ok((key, text)),
        Stored::Typed(_) => Err(Failure::input(format!("a catalogue has texts alone, and {key:?} is none"))),
    };
    entries.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_catalogue_of_real_size() {
        let sample = sample().unwrap();
        assert!(sample.len() >= 100, "{} entries", sample.len());
        for (name, value) in &sample {
            assert!((100..=600).contains(&value.len()), "{name} has {} bytes", value.len());
        }
        assert!(sample.iter().any(|(_, value)| !value.is_ascii()));
    }
}
