//! Where in a TOML file a key stands.

use toml::de::{DeTable, DeValue};

/// The line of the key of that dotted path, counted from 1.
pub(super) fn line_of(text: &str, path: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        if keys.peek().is_none() {
            return Some(line_at(text, name.span().start));
        }
        let DeValue::Table(inner) = value.get_ref() else { return Some(line_at(text, name.span().start)) };
        table = inner;
    }
    None
}

/// The line that this byte is in, counted from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n\n[b.c]\nd = 2\n";

    #[test]
    fn a_key_is_found_by_its_path() {
        assert_eq!(line_of(TEXT, "a"), Some(1));
        assert_eq!(line_of(TEXT, "b.c.d"), Some(4));
        assert_eq!(line_of(TEXT, "b.c"), Some(3));
    }

    #[test]
    fn a_key_that_is_not_there_has_no_line() {
        assert_eq!(line_of(TEXT, "b.x"), None);
        assert_eq!(line_of("not toml", "a"), None);
    }
}
