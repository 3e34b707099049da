//! The same application over UDP and here.

/// What a file says, without its imports, the addresses in its description, and empty lines.
fn without_imports(file: &str) -> Vec<&str> {
    let is_its_own = |line: &&str| !["use ", "mod ", "//!"].iter().any(|start| line.starts_with(start));
    file.lines().filter(|line| is_its_own(line) && !line.is_empty()).collect()
}

#[test]
fn the_service_directory_differs_in_its_imports_alone_and_has_at_most_60_lines() {
    let here = include_str!("../examples/directory.rs");
    let over_udp = include_str!("../../adapter-tokio-udp/examples/directory.rs");
    assert_ne!(here, over_udp);
    assert_eq!(without_imports(here), without_imports(over_udp));
    assert!(here.lines().count() <= 60, "{}", here.lines().count());
}
