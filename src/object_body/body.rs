//! A body, and reading it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::hashes::{BodyHashes, Hasher};

/// Maximum size in bytes of a body in memory, unless no temporary file can be written.
pub const MAX_IN_MEMORY: usize = 8 * 1024 * 1024;

/// Number of bytes that are written to and read from a file at once.
pub const CHUNK: usize = 128 * 1024;

/// The body of a stored object. A clone shares it.
#[derive(Debug, Clone)]
pub struct ObjectBody {
    pub(super) contents: Contents,
    /// Empty until they are asked for.
    hashes: Arc<OnceLock<BodyHashes>>,
}

/// Where the contents of a body are.
#[derive(Debug, Clone)]
pub enum Contents {
    /// In memory.
    Memory(Bytes),
    /// In a temporary file.
    File(BodyFile),
}

impl ObjectBody {
    /// Creates a body with these contents.
    pub(super) fn new(contents: Contents) -> Self {
        Self {
            contents,
            hashes: Arc::default(),
        }
    }

    /// Returns the contents.
    pub fn into_contents(self) -> Contents {
        self.contents
    }

    /// Deserializes a document from JSON.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match &self.contents {
            Contents::Memory(bytes) => serde_json::from_slice(bytes),
            Contents::File(file) => {
                serde_json::from_reader(BufReader::with_capacity(CHUNK, file.reader()))
            }
        }
    }

    /// Returns the bytes. Those of a file are read into memory.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match &self.contents {
            Contents::Memory(bytes) => Ok(bytes.clone()),
            Contents::File(file) => {
                let mut bytes = Vec::new();
                file.reader().read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    /// Returns the hashes of the contents. They are computed once for all clones.
    ///
    /// Fails if the temporary file cannot be read.
    pub fn hashes(&self) -> io::Result<BodyHashes> {
        if let Some(hashes) = self.hashes.get() {
            return Ok(*hashes);
        }
        let hashes = self.contents.hashes()?;
        Ok(*self.hashes.get_or_init(|| hashes))
    }

    /// Computes the hashes now, so that the request that sends the body begins sooner. If the
    /// temporary file cannot be read, that request fails.
    #[must_use]
    pub fn hashed(self) -> Self {
        let _ = self.hashes();
        self
    }
}

impl Contents {
    fn hashes(&self) -> io::Result<BodyHashes> {
        let mut hasher = Hasher::default();
        match self {
            Self::Memory(bytes) => hasher.update(bytes),
            Self::File(file) => {
                let mut reader = file.reader();
                while let Some(chunk) = reader.next_chunk()? {
                    hasher.update(&chunk);
                }
            }
        }
        Ok(hasher.finish())
    }
}

impl From<Bytes> for ObjectBody {
    fn from(bytes: Bytes) -> Self {
        Self::new(Contents::Memory(bytes))
    }
}

impl From<Vec<u8>> for ObjectBody {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
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

#[cfg(test)]
mod tests {
    use super::{Contents, MAX_IN_MEMORY, ObjectBody};

    /// The digits that both algorithms publish as their test vector.
    #[test]
    fn hashes_are_those_of_the_standards() {
        let body = ObjectBody::from(b"123456789".to_vec());
        let hashes = body.hashes().expect("hashes");
        assert_eq!(hashes.crc32, 0xcbf4_3926);
        assert_eq!(
            hex::encode(hashes.sha256),
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
        );
    }

    #[test]
    fn hashes_are_the_same_in_memory_and_in_a_file() {
        let text = "x".repeat(MAX_IN_MEMORY);
        let file = ObjectBody::json(&text).expect("a body");
        let memory = ObjectBody::from(file.bytes().expect("bytes"));
        assert!(matches!(file.contents, Contents::File(_)));
        assert!(matches!(memory.contents, Contents::Memory(_)));
        assert_eq!(
            file.hashes().expect("hashes"),
            memory.hashes().expect("hashes")
        );
    }
}
