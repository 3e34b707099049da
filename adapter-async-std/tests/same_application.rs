//! The same application on tokio and here.

/// What a file says, without its imports.
fn without_imports(file: &str) -> Vec<&str> {
    file.lines().filter(|line| !line.starts_with("use ")).collect()
}

#[test]
fn the_service_directory_differs_in_its_imports_alone_and_has_at_most_60_lines() {
    let here = include_str!("../examples/directory.rs");
    let on_tokio = include_str!("../../adapter-tokio-udp/examples/directory.rs");
    assert_ne!(here, on_tokio);
    assert_eq!(without_imports(here), without_imports(on_tokio));
    assert!(here.lines().count() <= 60, "{}", here.lines().count());
}
