use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  gossip completions bash > /usr/share/bash-completion/completions/gossip
  gossip completions zsh > \"${fpath[1]}/_gossip\"
  gossip completions fish > ~/.config/fish/completions/gossip.fish";
const MAN_EXAMPLES: &str = "\
Examples:
  gossip man | man -l -
  gossip man agent | man -l -
  gossip man --dir /usr/local/share/man/man1";

#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct ManArgs {
    /// A command, such as `agent` or `config check`. Default: the page of `gossip` itself
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}
