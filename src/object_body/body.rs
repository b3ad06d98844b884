//! A body, and reading it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

/// Maximum size in bytes of a body in memory, unless no temporary file can be written.
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

/// A body in a temporary file without a name, which the system removes when it is closed.
#[derive(Debug, Clone)]
pub struct BodyFile {
    pub(super) file: Arc<File>,
    /// Size in bytes.
    pub(super) size: u64,
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
