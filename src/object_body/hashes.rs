//! The hashes of a body, which the request that sends it names.

use sha2::{Digest as _, Sha256};

/// The hashes of the contents of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHashes {
    /// The CRC-32.
    pub crc32: u32,
    /// The SHA-256.
    pub sha256: [u8; 32],
}

/// Computes the hashes of contents that are given part by part.
#[derive(Default)]
pub(super) struct Hasher {
    crc32: crc32fast::Hasher,
    sha256: Sha256,
}

impl Hasher {
    pub(super) fn update(&mut self, part: &[u8]) {
        self.crc32.update(part);
        self.sha256.update(part);
    }

    pub(super) fn finish(self) -> BodyHashes {
        BodyHashes {
            crc32: self.crc32.finalize(),
            sha256: self.sha256.finalize().into(),
        }
    }
}
