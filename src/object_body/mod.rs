//! The body of a stored object: in memory if it is small, in a temporary file if it is large.
//!
//! The snapshot and the ledger of tens of thousands of failures are the largest things that a run
//! writes, several times as large as what they are made of. In a file they take no memory of the
//! function, and can be read as often as they are sent.

mod body;
mod hashes;
mod writer;

pub use body::{BodyFile, BodyReader, CHUNK, Contents, MAX_IN_MEMORY, ObjectBody};
pub use hashes::BodyHashes;
pub use writer::BodyWriter;
