//! The agent's configuration file.

/// The text of a configuration file, if it is text: read, checked, and what it puts into effect read again.
///
/// # Panics
/// If the reader does, if a refusal says nothing or names a line that is not there, or if what is in effect does not mean
/// itself.
pub fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match gossip_cli::config_in_effect(text) {
        Ok(in_effect) => assert_eq!(gossip_cli::config_in_effect(&in_effect).as_ref(), Ok(&in_effect)),
        Err((line, message)) => {
            assert!(!message.trim().is_empty());
            let lines = text.split('\n').count();
            assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{message}: line {line:?} of {lines}");
        }
    }
}
