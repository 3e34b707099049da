//! A catalogue of the size of real ones on eight agents: imported on one of them, edited on three at the same time.
//!
//! `GOSSIP_CATALOGUE=file cargo test -p gossip-cli --test catalogue -- --nocapture` does the same with another one, an array of
//! objects that have a `name`, and shows the figures as it always does.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use support::{Agent, Site};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// Of the eight those that edit.
const EDITORS: [usize; 3] = [0, 3, 7];
/// How many keys each editor writes that nobody else does, and deletes.
const EDITED: usize = 30;
const DELETED: usize = 10;
/// How many keys all of them write.
const CONTESTED: usize = 10;

/// The sizes of a real catalogue's 463 entries as compact JSON, at each tenth of them: tool servers with name, description, version,
/// repository and packages.
const SIZES: [usize; 11] = [71, 228, 243, 255, 265, 280, 295, 310, 330, 384, 559];
const ENTRIES: usize = 463;
/// Besides, a few that fit no datagram.
const LONG: [usize; 4] = [1_500, 2_200, 3_000, 20_000];

/// An entry whose compact JSON has about that many bytes, text beyond ASCII included.
fn entry(number: usize, size: usize) -> Value {
    let name = format!("io.example.team-{}/server-{number}", number % 40);
    let repository = format!("https://example.com/team-{}/server-{number}", number % 40);
    let packages = json!([{ "kind": "npm", "name": format!("server-{number}"), "version": "0.1.0" }]);
    let mut entry = json!({ "name": name, "description": "", "version": "0.0.1", "repository": repository });
    if size > 200 {
        entry["packages"] = packages;
    }
    let words = "findet Wörter, reads tables and 表, answers questions about them; ".repeat(size / 60 + 1);
    let left = size.saturating_sub(entry.to_string().len());
    let end = (0..=left.min(words.len())).rev().find(|end| words.is_char_boundary(*end)).unwrap_or_default();
    entry["description"] = words[..end].into();
    entry
}

/// As many entries of as many bytes as a real catalogue has, at each tenth of them.
fn generated() -> Value {
    let tenths = SIZES.len() - 1;
    let size = |number: usize| {
        let at = number * 37 % ENTRIES * tenths;
        let (tenth, rest) = (at / ENTRIES, at % ENTRIES);
        SIZES[tenth] + (SIZES[tenth + 1] - SIZES[tenth]) * rest / ENTRIES
    };
    let entries = (0..ENTRIES).map(|number| entry(number, size(number)));
    entries.chain(LONG.iter().enumerate().map(|(at, size)| entry(ENTRIES + at, *size))).collect()
}

fn catalogue() -> Value {
    match std::env::var_os("GOSSIP_CATALOGUE") {
        Some(file) => serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap(),
        None => generated(),
    }
}

fn eight(site: &Site) -> Vec<Agent> {
    let mut agents = vec![site.start(NAMES[0], &[])];
    for name in &NAMES[1..] {
        let contact = agents[0].addr().to_string();
        agents.push(site.start(name, &["--join", &contact]));
    }
    agents.iter().for_each(|agent| agent.wait_for_alive(&NAMES));
    agents
}

/// What all have sent so far.
fn sent(agents: &[Agent]) -> u64 {
    agents.iter().map(|agent| agent.ask(&["info"])["stats"]["bytes_sent"].as_u64().unwrap()).sum()
}

fn export(agent: &Agent) -> Value {
    agent.run(&["export"]).ok().json()
}

/// Until all export the same, which must be this; how long that took.
fn until_equal(agents: &[Agent], since: Instant, is_right: impl Fn(&Map<String, Value>) -> bool) -> (Value, Duration) {
    for agent in agents {
        agent.wait("all that was written", |agent| is_right(export(agent).as_object().unwrap()).then_some(()));
    }
    let export = agents[7].poll("that all export the same", |last| {
        let expected = export(last);
        agents.iter().all(|agent| export(agent) == expected).then_some(expected)
    });
    (export, since.elapsed())
}

/// What one of the editors does: writes keys of its own and those that all write, and deletes.
fn edit(agent: &Agent, site: &Site, keys: &[String], editor: usize) {
    let own = &keys[editor * (EDITED + DELETED)..][..EDITED + DELETED];
    let (edited, deleted) = own.split_at(EDITED);
    let contested = &keys[keys.len() - CONTESTED..];
    let edits: Map<String, Value> =
        edited.iter().chain(contested).map(|key| (key.clone(), edit_of(editor, key))).collect();
    let file = site.file(&format!("edits-{editor}.json"), Value::Object(edits).to_string());
    agent.run(&["import", &file]).ok();
    deleted.iter().for_each(|key| _ = agent.run(&["delete", key]).ok());
}

fn edit_of(editor: usize, key: &str) -> Value {
    json!({ "name": key, "version": format!("2.0.{editor}"), "description": "edited ".repeat(30) })
}

#[test]
fn what_one_imports_and_three_edit_at_the_same_time_is_the_same_on_eight() {
    let catalogue = catalogue();
    let entries = catalogue.as_array().unwrap();
    let keys: Vec<String> = entries.iter().map(|entry| entry["name"].as_str().unwrap().to_string()).collect();
    let bytes: usize = entries.iter().zip(&keys).map(|(entry, key)| entry.to_string().len() + key.len()).sum();
    let site = Site::new();
    let file = site.file("catalogue.json", catalogue.to_string());
    let agents = eight(&site);

    let (before, start) = (sent(&agents), Instant::now());
    agents[1].run(&["import", &file, "--key", "name"]).ok();
    let imported = start.elapsed();
    let expected: Value = keys.iter().cloned().zip(entries.iter().cloned()).collect::<Map<_, _>>().into();
    let (held, equal) = until_equal(&agents, start, |held| held.len() == keys.len());
    assert!(held == expected, "what is exported is not what was imported");
    println!(
        "{} entries, {bytes} bytes: imported after {imported:.2?}, the same on eight after {equal:.2?}, {} bytes sent by all",
        keys.len(),
        sent(&agents) - before,
    );

    let (before, start) = (sent(&agents), Instant::now());
    std::thread::scope(|scope| {
        for (editor, at) in EDITORS.iter().enumerate() {
            let (agents, site, keys) = (&agents, &site, &keys);
            scope.spawn(move || edit(&agents[*at], site, keys, editor));
        }
    });
    let edited = start.elapsed();
    let (held, equal) = until_equal(&agents, start, |held| {
        let own = |editor: usize| {
            let (edited, deleted) = keys[editor * (EDITED + DELETED)..][..EDITED + DELETED].split_at(EDITED);
            edited.iter().all(|key| held.get(key) == Some(&edit_of(editor, key)))
                && deleted.iter().all(|key| !held.contains_key(key))
        };
        let contested = |key: &String| (0..EDITORS.len()).any(|editor| held.get(key) == Some(&edit_of(editor, key)));
        (0..EDITORS.len()).all(own) && keys[keys.len() - CONTESTED..].iter().all(contested)
    });
    println!(
        "3 x ({EDITED} edits, {CONTESTED} of the same keys, {DELETED} deletions): done after {edited:.2?}, the same on eight after \
         {equal:.2?}, {} bytes sent by all",
        sent(&agents) - before,
    );
    assert_eq!(held.as_object().unwrap().len(), keys.len() - EDITORS.len() * DELETED);
    let untouched = |key: &&String| held.get(*key) == expected.get(*key);
    assert_eq!(keys.iter().filter(untouched).count(), keys.len() - EDITORS.len() * (EDITED + DELETED) - CONTESTED);
    for agent in &agents[1..] {
        assert_eq!(agents[0].ask(&["diff", &agent.name])["equal"], true, "{}", agent.name);
    }
}
