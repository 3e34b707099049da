//! How a command ends when it does not succeed: an exit code, what went wrong, and what to do about it.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;

/// The exit codes besides 0; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Not a failure at all: who read the output went away, as in `gossip list | head`.
    Done = 0,
    /// The command was understood and could not be done.
    Failed = 1,
    /// Bad usage or bad input: the same command will never work.
    Input = 2,
    /// No agent answers at the socket.
    NoAgent = 3,
    /// A write was made, and fewer members acknowledged it in time than were to.
    Unacknowledged = 4,
    /// The agent stopped because another live member bears its name.
    Namesake = 5,
    /// Too much waits to be sent: the same command will work a little later.
    Busy = 6,
    /// Nothing was written: the key is not as `--if-absent` or `--if-version` wants it.
    Changed = 7,
    /// Two members do not hold the same.
    Differs = 8,
}

impl Code {
    /// The code as the agent's answers carry it.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// Reads what [`Code::number`] wrote; anything else is a plain failure.
    pub(crate) const fn from_number(number: u64) -> Self {
        match number {
            2 => Self::Input,
            3 => Self::NoAgent,
            4 => Self::Unacknowledged,
            5 => Self::Namesake,
            6 => Self::Busy,
            7 => Self::Changed,
            8 => Self::Differs,
            _ => Self::Failed,
        }
    }
}

/// Why a command ends without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The command could not be done.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self { code: Code::Failed, message: message.to_string(), hint: None }
    }

    /// The command or its input is wrong.
    pub(crate) fn input(message: impl Display) -> Self {
        Self { code: Code::Input, message: message.to_string(), hint: None }
    }

    /// Nobody answers at the socket.
    pub(crate) fn no_agent(message: impl Display) -> Self {
        Self { code: Code::NoAgent, message: message.to_string(), hint: None }
    }

    /// The write was made, but not acknowledged by as many as were to.
    pub(crate) fn unacknowledged(message: impl Display) -> Self {
        Self { code: Code::Unacknowledged, message: message.to_string(), hint: None }
    }

    /// Another member bears this one's name.
    pub(crate) fn namesake(message: impl Display) -> Self {
        Self { code: Code::Namesake, message: message.to_string(), hint: None }
    }

    /// Too much waits to be sent.
    pub(crate) fn busy(message: impl Display) -> Self {
        Self { code: Code::Busy, message: message.to_string(), hint: None }
    }

    /// A key is not what a write expected.
    pub(crate) fn changed(message: impl Display) -> Self {
        Self { code: Code::Changed, message: message.to_string(), hint: None }
    }

    /// Two members do not hold the same.
    pub(crate) fn differs(message: impl Display) -> Self {
        Self { code: Code::Differs, message: message.to_string(), hint: None }
    }

    /// Who read the output went away: nothing is left to do, and nobody to tell.
    pub(crate) fn reader_gone() -> Self {
        Self { code: Code::Done, message: "nobody reads the output".into(), hint: None }
    }

    /// Adds what the user can do.
    pub(crate) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    /// Says where it is before what it is.
    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    /// Tells the user on standard error, as one JSON object if that was asked for.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if self.code == Code::Done {
            return ExitCode::SUCCESS;
        }
        let text = if json {
            json!({ "error": self.message, "hint": self.hint, "exit": self.code.number() }).to_string()
        } else {
            match &self.hint {
                Some(hint) => format!("error: {}\n hint: {hint}", self.message),
                None => format!("error: {}", self.message),
            }
        };
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(self.code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_its_number() {
        let others = [Code::Unacknowledged, Code::Namesake, Code::Busy, Code::Changed, Code::Differs];
        for code in [Code::Failed, Code::Input, Code::NoAgent].into_iter().chain(others) {
            assert_eq!(Code::from_number(code.number().into()), code);
        }
    }
}
