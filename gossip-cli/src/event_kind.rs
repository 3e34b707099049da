//! The kinds of events that an agent tells of, by the names that commands, handlers and the API give them.

use clap::ValueEnum;

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventKind {
    /// A member came, changed, was suspected, failed, flapped or left
    Member,
    /// This member is on one side of a split network
    Partition,
    /// That is over
    Healed,
    /// Two live members claim one id: which of them keeps it
    Namesake,
    /// A join through one contact succeeded or found no answer
    Join,
    /// A key was written or deleted
    Key,
    /// A broadcast message arrived or was sent here
    Message,
    /// Messages of a member are missing and not waited for any more
    Gap,
    /// Nobody acknowledged a message that was sent here
    Unacknowledged,
    /// The agent read its configuration again
    Reload,
    /// The agent has left the cluster
    Left,
    /// Events were missed, because more happened than was read
    Lagged,
}

impl EventKind {
    /// The name in the field `event` of its lines.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Partition => "partition",
            Self::Healed => "healed",
            Self::Namesake => "namesake",
            Self::Join => "join",
            Self::Key => "key",
            Self::Message => "message",
            Self::Gap => "gap",
            Self::Unacknowledged => "unacknowledged",
            Self::Reload => "reload",
            Self::Left => "left",
            Self::Lagged => "lagged",
        }
    }

    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|kind| kind.name() == name)
    }

    /// All names, for an error message.
    pub(crate) fn names() -> String {
        Self::value_variants().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_calls_a_kind_as_its_lines_do() {
        for kind in EventKind::value_variants() {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name());
            assert_eq!(EventKind::named(kind.name()), Some(*kind));
        }
    }
}
