//! Why a scenario was refused: always its author's doing, always with the place.

use std::fmt;

/// What is wrong with a scenario, and where. Every variant of it is a usage error: nothing has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    pub(crate) file: String,
    pub(crate) origin: Origin,
    pub(crate) key: String,
    pub(crate) problem: String,
}

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In this line of the file, counted from 1.
    Line(usize),
    /// Set from outside, over the file.
    Set,
}

impl ScenarioError {
    /// The line of the file, counted from 1; `None` for a value that was set over the file.
    pub fn line(&self) -> Option<usize> {
        match self.origin {
            Origin::Line(line) => Some(line),
            Origin::Set => None,
        }
    }

    /// The dotted path of the key that is at fault; empty if the text is no TOML.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Line(line) => write!(f, "{}:{line}: ", self.file)?,
            Origin::Set => write!(f, "{}, set over it: ", self.file)?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ScenarioError {}

/// `, did you mean …` if one of `known` is close to `written`, else nothing.
pub(crate) fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let closest = known.into_iter().map(|name| (distance(written, name), name)).min();
    match closest {
        Some((distance, name)) if distance <= 1 + written.len().max(name.len()) / 4 => {
            format!(", did you mean `{name}`?")
        }
        _ => String::new(),
    }
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_recognised() {
        assert_eq!(suggestion("latncy", ["loss", "latency"]), ", did you mean `latency`?");
        assert_eq!(suggestion("lsos", ["loss", "latency"]), ", did you mean `loss`?");
    }

    #[test]
    fn a_word_of_another_world_gets_no_suggestion() {
        assert_eq!(suggestion("colour", ["loss", "latency"]), "");
    }
}
