//! One `--on-query`: `NAME=CMD`.

use crate::agent::query::check_name;
use crate::exit::Failure;

/// Which command answers queries of which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agent) struct QueryRule {
    pub(in crate::agent) name: String,
    /// A command line for the shell.
    pub(in crate::agent) command: String,
}

impl QueryRule {
    /// Reads what stands behind `--on-query`, each name once; `flag` is how an error calls it.
    pub(in crate::agent) fn parse_all(list: &[String], flag: &str) -> Result<Vec<Self>, Failure> {
        let mut rules: Vec<Self> = Vec::new();
        for text in list {
            let rule = Self::parse(text, flag)?;
            if rules.iter().any(|other| other.name == rule.name) {
                return Err(Failure::input(format!("{flag} {text:?}: `{}` is answered already", rule.name))
                    .hint("one command answers the queries of one name"));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn parse(text: &str, flag: &str) -> Result<Self, Failure> {
        let (name, command) = text.split_once('=').unwrap_or_default();
        if name.is_empty() || command.trim().is_empty() {
            return Err(Failure::input(format!("{flag} {text:?}: no name or no command"))
                .hint("write NAME=CMD, such as uptime=uptime"));
        }
        check_name(name).map_err(|failure| failure.prefixed(&format!("{flag}: ")))?;
        Ok(Self { name: name.to_string(), command: command.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[&str]) -> Result<Vec<QueryRule>, Failure> {
        QueryRule::parse_all(&list.iter().map(ToString::to_string).collect::<Vec<_>>(), "--on-query")
    }

    #[test]
    fn the_command_is_everything_behind_the_first_equals_sign() {
        let rules = parse(&["load=env A=b uptime", "df=df -h"]).unwrap();
        assert_eq!((rules[0].name.as_str(), rules[0].command.as_str()), ("load", "env A=b uptime"));
        assert_eq!(rules.len(), 2);
    }

    #[test]
    fn what_names_no_query_or_no_command_or_one_twice_is_refused() {
        for list in [&["uptime"][..], &["=uptime"], &["a= "], &["a b=x"], &["a=x", "a=y"]] {
            assert!(parse(list).is_err(), "{list:?}");
        }
    }
}
