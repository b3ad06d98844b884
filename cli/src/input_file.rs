//! Files that the command line names.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::CliError;

/// Reads and parses a JSON file. `what` names the expected content in the error.
pub(crate) fn parse_file<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, CliError> {
    parse(&read(path)?, &name(path), what)
}

/// Parses JSON. `name` and `what` name the file and the expected content in the error.
pub(crate) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    name: &str,
    what: &str,
) -> Result<T, CliError> {
    serde_json::from_slice(bytes).map_err(|error| CliError::File {
        what: format!("{name} is not {what}"),
        source: error.into(),
    })
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let result = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    result.map_err(|source| CliError::File {
        what: format!("{} cannot be read", name(path)),
        source,
    })
}

/// Returns the name of a file for people.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
