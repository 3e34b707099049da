//! What `packaging/` holds is what the program says now.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use support::{Site, gossip};

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name)
}

/// The files of a folder by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let entries = entries.map(|entry| entry.unwrap());
    entries.map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())).collect()
}

#[test]
fn the_completions_are_current() {
    let committed = files(&packaging("completions"));
    for (shell, name) in [("bash", "gossip.bash"), ("zsh", "_gossip"), ("fish", "gossip.fish")] {
        let current = gossip(&["completions", shell]).ok().stdout;
        assert!(
            committed.get(name) == Some(&current),
            "packaging/completions/{name} is not current: gossip completions {shell} > packaging/completions/{name}"
        );
    }
    assert_eq!(committed.len(), 3);
}

#[test]
fn the_manual_pages_are_current() {
    let site = Site::new();
    let current = site.path("man");
    fs::create_dir(&current).unwrap();
    gossip(&["man", "--dir", &site.arg("man")]).ok();
    let (current, committed) = (files(&current), files(&packaging("man")));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&current), names(&committed), "gossip man --dir packaging/man writes the current ones");
    for (name, page) in &current {
        assert!(committed[name] == *page, "packaging/man/{name} is not current: gossip man --dir packaging/man");
    }
}

#[test]
fn the_page_of_one_command_is_printed_and_an_unknown_one_refused() {
    assert_eq!(gossip(&["man", "config", "check"]).ok().stdout, files(&packaging("man"))["gossip-config-check.1"]);
    gossip(&["man", "nothing"]).refused(2, &["`nothing`", "hint"]);
}
