//! The body of a stored object: in memory if it is small, in a temporary file if it is large.
//!
//! The snapshot and the ledger of tens of thousands of failures are the largest things that a run
//! writes, several times as large as what they are made of. In a file they take no memory of the
//! function, and can be read as often as they are sent.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::{SpooledData, SpooledTempFile};

/// Maximum size in bytes of a body in memory.
pub const MAX_IN_MEMORY: usize = 8 * 1024 * 1024;

/// Number of bytes that are written to and read from a file at once.
pub const CHUNK: usize = 128 * 1024;

/// The body of a stored object. A clone shares it.
#[derive(Debug, Clone)]
pub enum ObjectBody {
    /// In memory.
    Memory(Bytes),
    /// In a temporary file.
    File(BodyFile),
}

impl ObjectBody {
    /// Serializes a document as compact JSON.
    ///
    /// Fails if it has no representation in JSON, or if the temporary file cannot be written.
    pub fn json<T: Serialize>(document: &T) -> io::Result<Self> {
        let mut writer = BodyWriter::new();
        serde_json::to_writer(&mut writer.0, document)?;
        writer.finish()
    }

    /// Deserializes a document from JSON.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self {
            Self::Memory(bytes) => serde_json::from_slice(bytes),
            Self::File(file) => {
                serde_json::from_reader(BufReader::with_capacity(CHUNK, file.reader()))
            }
        }
    }

    /// Returns the bytes. Those of a file are read into memory.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::File(file) => {
                let mut bytes = Vec::new();
                file.reader().read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

impl From<Bytes> for ObjectBody {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes)
    }
}

impl From<Vec<u8>> for ObjectBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

/// A body that is being written. It moves to a temporary file when it gets large.
#[derive(Debug)]
pub struct BodyWriter(BufWriter<SpooledTempFile>);

impl BodyWriter {
    /// Creates an empty body.
    pub fn new() -> Self {
        let spooled = SpooledTempFile::new(MAX_IN_MEMORY);
        Self(BufWriter::with_capacity(CHUNK, spooled))
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Returns the body.
    pub fn finish(self) -> io::Result<ObjectBody> {
        match self.0.into_inner()?.into_inner() {
            SpooledData::InMemory(cursor) => Ok(cursor.into_inner().into()),
            SpooledData::OnDisk(file) => Ok(ObjectBody::File(BodyFile {
                size: file.metadata()?.len(),
                file: Arc::new(file),
            })),
        }
    }
}

impl Default for BodyWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// A body in a temporary file without a name, which the system removes when it is closed.
#[derive(Debug, Clone)]
pub struct BodyFile {
    file: Arc<File>,
    /// Size in bytes.
    size: u64,
}

impl BodyFile {
    /// Returns a reader of the contents, from the start.
    pub fn reader(&self) -> BodyReader {
        BodyReader {
            file: self.clone(),
            position: 0,
        }
    }
}

/// A reader of a [`BodyFile`]. It has a position of its own.
#[derive(Debug)]
pub struct BodyReader {
    file: BodyFile,
    position: u64,
}

impl BodyReader {
    /// Returns the number of bytes that are left.
    pub fn remaining(&self) -> u64 {
        self.file.size - self.position
    }

    /// Returns the next part of the contents; `None` at their end.
    pub fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let length = usize::try_from(self.remaining()).map_or(CHUNK, |left| left.min(CHUNK));
        if length == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; length];
        self.read_exact(&mut chunk)?;
        Ok(Some(chunk.into()))
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyWriter, CHUNK, MAX_IN_MEMORY, ObjectBody};

    #[test]
    fn body_has_the_same_bytes_in_memory_and_in_a_file() {
        // The quotes of a JSON string.
        for size in [
            0,
            MAX_IN_MEMORY - 2,
            MAX_IN_MEMORY - 1,
            3 * MAX_IN_MEMORY + CHUNK,
        ] {
            let text: String = ('a'..='z').cycle().take(size).collect();
            let body = ObjectBody::json(&text).expect("a body");
            let in_file = matches!(body, ObjectBody::File(_));
            assert_eq!(in_file, size + 2 > MAX_IN_MEMORY, "{size} characters");
            let bytes = body.bytes().expect("bytes");
            assert!(
                bytes == serde_json::to_vec(&text).expect("JSON"),
                "{size} characters differ"
            );
            assert!(
                body.parse::<String>().expect("JSON") == text,
                "{size} characters differ"
            );
            if let ObjectBody::File(file) = &body {
                let mut reader = file.reader();
                let mut copy = BodyWriter::new();
                while let Some(chunk) = reader.next_chunk().expect("a chunk") {
                    copy.append(&chunk).expect("a file");
                }
                let copy = copy.finish().expect("a body");
                assert!(
                    copy.bytes().expect("bytes") == bytes,
                    "a second read of {size} characters differs"
                );
            }
        }
    }
}
