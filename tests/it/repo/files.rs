//! The files of the repository.

use std::path::Path;

/// Returns the text of a file, by its path in the repository.
pub fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}
