//! Completions and manual pages, made from the command line's own description.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::{Cli, ManArgs};
use crate::exit::Failure;
use crate::output;

/// Prints what a shell needs to complete `gossip` commands.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gossip", &mut text);
    output::bytes(&text)
}

/// Prints the manual page of one command, or writes those of all.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &args.dir {
        return write_all(&program, folder);
    }
    let mut command = &program;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            Failure::input(format!("no command `{}`", args.command.join(" "))).hint("`gossip help` lists the commands")
        })?;
    }
    output::bytes(&page(command)?)
}

fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    for inner in command.get_subcommands() {
        write_all(inner, folder)?;
    }
    let file = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&file, page(command)?)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))
}

/// The page as `clap_mangen` makes it, but for the text behind the options: examples are to be copied, so they keep their
/// lines.
fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let written = Man::new(command.clone().after_help(None)).manual("gossip").render(&mut text);
    written.map_err(|error| Failure::failed(format!("cannot write the page: {error}")))?;
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    text.extend_from_slice(sections(&after).as_bytes());
    Ok(text)
}

/// Paragraphs as roff: one that begins with `Title:` is a section of lines that stay as they are, the rest are notes.
fn sections(text: &str) -> String {
    let (mut titled, mut notes) = (String::new(), String::new());
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        match paragraph.split_once(":\n") {
            Some((title, lines)) if !title.contains('\n') => {
                titled += &format!(".SH {}\n.nf\n{}\n.fi\n", title.to_uppercase(), escaped(lines));
            }
            _ if notes.is_empty() => notes = format!(".SH NOTES\n.nh\n{}\n", escaped(paragraph)),
            _ => notes += &format!(".PP\n{}\n", escaped(paragraph)),
        }
    }
    titled + &notes
}

/// The text as roff shows it letter by letter.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        // A dot at the beginning would be a command.
        if line.starts_with('.') { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_letters() {
        let text = "Examples:\n  gossip set k 'a\\b'\n.x\n\nFirst note.\n\nSecond `note`.";
        let expected = ".SH EXAMPLES\n.nf\n  gossip set k \\(aqa\\eb\\(aq\n\\&.x\n.fi\n.SH NOTES\n.nh\nFirst note.\n.PP\n\
                        Second \\(ganote\\(ga.\n";
        assert_eq!(sections(text), expected);
    }
}
