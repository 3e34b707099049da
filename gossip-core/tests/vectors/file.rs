//! Reads the files: `key value` lines, then `bytes` in hexadecimal with comments, then `meaning` or `error`.

use std::fs;
use std::path::Path;

use gossip_core::{Identity, NodeId};

/// What a packet should be decoded to.
#[derive(Debug)]
pub(crate) enum Expected {
    /// The sender, then the sections and their items, a line each.
    Meaning(Vec<String>),
    /// The `PacketError`, as `Debug` writes it.
    Error(String),
}

/// One golden packet.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) cluster: String,
    /// Of which transport addresses are: `u64` or `ip`.
    pub(crate) address: String,
    pub(crate) ids: Vec<(String, NodeId)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

impl Vector {
    fn parse(name: &str, text: &str) -> Self {
        let mut vector = Self {
            name: name.into(),
            cluster: String::new(),
            address: String::new(),
            ids: Vec::new(),
            bytes: Vec::new(),
            expected: Expected::Meaning(Vec::new()),
        };
        let mut part = "";
        for line in text.lines() {
            let inner = line.starts_with(' ');
            let line = line.strip_prefix("  ").unwrap_or(line);
            match (inner, part) {
                (true, "bytes") => vector.bytes.extend(hex(line)),
                (true, "meaning") => {
                    if let Expected::Meaning(lines) = &mut vector.expected {
                        lines.push(line.into());
                    }
                }
                (true, _) => panic!("{name}: outside of bytes and meaning: {line}"),
                (false, _) => {
                    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
                    vector.set(key, value.trim());
                    part = key;
                }
            }
        }
        vector
    }

    fn set(&mut self, key: &str, value: &str) {
        match key {
            "" | "#" | "bytes" | "meaning" => (),
            "cluster" => self.cluster = value.into(),
            "address" => self.address = value.into(),
            "error" => self.expected = Expected::Error(value.into()),
            "id" => {
                let (name, id) = value.split_once(' ').expect("a name and an id");
                self.ids.push((name.into(), id.parse().expect("an id")));
            }
            other => panic!("{}: unknown key {other}", self.name),
        }
    }

    /// The sender of a line such as `full web-1 generation=7`.
    pub(crate) fn sender(&self, line: &str) -> Identity {
        let mut words = line.split([' ', '=']).skip(1);
        let name = words.next().expect("a name");
        let id = self.ids.iter().find(|(known, _)| known == name).expect("a name with an id").1;
        Identity::new(id, words.nth(1).expect("a generation").parse().expect("a number"))
    }

    /// `full` or `short`.
    pub(crate) fn form<'a>(&self, line: &'a str) -> &'a str {
        line.split(' ').next().unwrap_or("")
    }

    pub(crate) fn name_of(&self, id: NodeId) -> String {
        let known = self.ids.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }
}

/// All golden packets, by name.
pub(crate) fn all() -> Vec<Vector> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder of the golden packets")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".txt") && name != "hashes.txt")
        .collect();
    names.sort();
    names.iter().map(|name| Vector::parse(name, &read(name))).collect()
}

/// The lines of `hashes.txt`: what is hashed, and the hash.
pub(crate) fn hashes() -> Vec<(String, String)> {
    let text = read("hashes.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(" = ").expect("a hash")).map(|(a, b)| (a.into(), b.into())).collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("a text file")
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

/// The bytes of a line, without its comment.
fn hex(line: &str) -> Vec<u8> {
    let digits = line.split('#').next().unwrap_or("").split_whitespace().collect::<String>();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
