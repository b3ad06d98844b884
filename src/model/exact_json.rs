//! JSON in a buffer of exactly its size.
//!
//! A buffer that grows is copied, and needs its memory twice for that time. The documents of
//! packwatch are the largest things in memory, so each is serialized twice: to count its bytes, and
//! to write them.

use std::io::{self, Write};

use serde::Serialize;

/// Serializes a document into a buffer of exactly its size.
pub fn to_exact_json<T: Serialize>(document: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut size = ByteCount(0);
    serde_json::to_writer(&mut size, document)?;
    let mut bytes = Vec::with_capacity(size.0);
    serde_json::to_writer(&mut bytes, document)?;
    Ok(bytes)
}

/// Counts the bytes that are written to it.
struct ByteCount(usize);

impl Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
