//! One `--on-event`: `CMD`, or `KIND[,KIND]=CMD`.

use super::DEFAULT_KINDS;
use crate::event_kind::EventKind;
use crate::exit::Failure;

/// Which kinds of events run which command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agent) struct Rule {
    kinds: Vec<EventKind>,
    /// A command line for the shell.
    pub(super) command: String,
}

impl Rule {
    /// Reads what stands behind `--on-event`; `flag` is how an error calls it.
    pub(in crate::agent) fn parse(text: &str, flag: &str) -> Result<Self, Failure> {
        let (kinds, command) = match text.split_once('=') {
            Some((head, command)) if is_list_of_words(head) => (kinds(head, text, flag)?, command),
            _ => (DEFAULT_KINDS.to_vec(), text),
        };
        if command.trim().is_empty() {
            return Err(Failure::input(format!("{flag} {text:?}: no command"))
                .hint("write CMD or KIND[,KIND]=CMD, such as member=/etc/gossip/on-member"));
        }
        Ok(Self { kinds, command: command.to_string() })
    }

    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Whether this could be meant as kinds rather than be the beginning of a command.
fn is_list_of_words(head: &str) -> bool {
    head.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ',')
}

fn kinds(list: &str, text: &str, flag: &str) -> Result<Vec<EventKind>, Failure> {
    let named = |name| {
        EventKind::named(name).ok_or_else(|| {
            Failure::input(format!("{flag} {text:?}: `{name}` is no kind of event")).hint(format!(
                "kinds are {}; to set a variable for a command write `env {list}=...`",
                EventKind::names()
            ))
        })
    };
    list.split(',').map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_alone_runs_on_what_is_rare() {
        let rule = Rule::parse("./notify --level=1 a=b", "--on-event").unwrap();
        assert_eq!(rule.command, "./notify --level=1 a=b");
        assert!(rule.wants(EventKind::Member) && rule.wants(EventKind::Lagged));
        assert!(!rule.wants(EventKind::Key) && !rule.wants(EventKind::Message));
    }

    #[test]
    fn kinds_before_an_equals_sign_choose() {
        let rule = Rule::parse("key,message=logger -t 'a=b'", "--on-event").unwrap();
        assert_eq!(rule.command, "logger -t 'a=b'");
        assert!(rule.wants(EventKind::Key) && rule.wants(EventKind::Message) && !rule.wants(EventKind::Member));
    }

    #[test]
    fn a_misspelt_kind_is_refused_rather_than_run_by_the_shell() {
        let failure = Rule::parse("membr=./notify", "--on-event").unwrap_err();
        assert!(failure.message.contains("`membr`") && failure.hint.unwrap().contains("kinds are member, "));
    }

    #[test]
    fn no_command_is_refused() {
        for text in ["", " ", "member=", "member= "] {
            assert!(Rule::parse(text, "--on-event").is_err(), "{text:?}");
        }
    }
}
