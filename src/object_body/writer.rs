//! Writing a body.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::Serialize;

use super::body::{BodyFile, CHUNK, Contents, MAX_IN_MEMORY, ObjectBody};

impl ObjectBody {
    /// Serializes a document as compact JSON.
    ///
    /// Fails if it has no representation in JSON, or if the temporary file cannot be read.
    pub fn json<T: Serialize>(document: &T) -> io::Result<Self> {
        let mut writer = BodyWriter::new();
        serde_json::to_writer(&mut writer, document)?;
        writer.finish()
    }
}

/// A body that is being written. It moves to a temporary file when it gets large, and stays in
/// memory if that file cannot be written.
#[derive(Debug)]
pub struct BodyWriter(BufWriter<Storage>);

impl BodyWriter {
    /// Creates an empty body.
    pub fn new() -> Self {
        Self::on(Disk {
            create: tempfile::tempfile,
            write: File::write_all,
        })
    }

    fn on(disk: Disk) -> Self {
        let written = Written::Memory {
            bytes: Vec::new(),
            disk: Some(disk),
        };
        Self(BufWriter::with_capacity(CHUNK, Storage(written)))
    }

    /// Returns the body.
    pub fn finish(self) -> io::Result<ObjectBody> {
        Ok(match self.0.into_inner()?.0 {
            Written::Memory { bytes, .. } => bytes.into(),
            Written::File { file, size, .. } => ObjectBody::new(Contents::File(BodyFile {
                file: Arc::new(file),
                size,
            })),
        })
    }
}

impl Default for BodyWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// The default method is slower, and JSON is written a few bytes at a time.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[derive(Debug)]
struct Storage(Written);

#[derive(Debug)]
enum Written {
    Memory {
        bytes: Vec<u8>,
        /// `None` after a file could not be written.
        disk: Option<Disk>,
    },
    File {
        file: File,
        size: u64,
        disk: Disk,
    },
}

/// The operations that fail if there is no room for a temporary file.
#[derive(Debug, Clone, Copy)]
struct Disk {
    create: fn() -> io::Result<File>,
    write: fn(&mut File, &[u8]) -> io::Result<()>,
}

impl Write for Storage {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        let nothing = Written::Memory {
            bytes: Vec::new(),
            disk: None,
        };
        self.0 = match mem::replace(&mut self.0, nothing) {
            Written::Memory { mut bytes, disk } => {
                bytes.extend_from_slice(new);
                match disk {
                    Some(disk) if bytes.len() > MAX_IN_MEMORY => move_to_file(bytes, disk)?,
                    disk => Written::Memory { bytes, disk },
                }
            }
            Written::File { file, size, disk } => append(file, size, new, disk)?,
        };
        Ok(new.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn move_to_file(bytes: Vec<u8>, disk: Disk) -> io::Result<Written> {
    match (disk.create)() {
        Ok(file) => append(file, 0, &bytes, disk),
        Err(error) => Ok(stay_in_memory(bytes, &error)),
    }
}

/// Appends bytes to a file of `size` bytes. If that fails, the contents return to memory.
fn append(mut file: File, size: u64, new: &[u8], disk: Disk) -> io::Result<Written> {
    match (disk.write)(&mut file, new) {
        Ok(()) => Ok(Written::File {
            file,
            size: size + new.len() as u64,
            disk,
        }),
        Err(error) => {
            let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, 0)?;
            bytes.extend_from_slice(new);
            Ok(stay_in_memory(bytes, &error))
        }
    }
}

fn stay_in_memory(bytes: Vec<u8>, error: &io::Error) -> Written {
    tracing::warn!(
        cause = %error,
        "a document of more than {} MB is kept in memory, because no temporary file could be written; make room in the \
         folder for temporary files (TMPDIR, or else /tmp)",
        MAX_IN_MEMORY / 1024 / 1024
    );
    Written::Memory { bytes, disk: None }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, Write};

    use super::{BodyWriter, CHUNK, Contents, Disk, MAX_IN_MEMORY, ObjectBody};

    fn no_folder() -> io::Result<File> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn no_room(_: &mut File, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    /// Writes what comes before the last part.
    fn no_room_for_last_part(file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if bytes.ends_with(b"!") {
            let half = &bytes[..bytes.len() / 2];
            file.write_all(half).and_then(|()| no_room(file, bytes))
        } else {
            file.write_all(bytes)
        }
    }

    #[test]
    fn body_stays_in_memory_if_no_file_can_be_written() {
        let create = tempfile::tempfile;
        for disk in [
            Disk {
                create: no_folder,
                write: File::write_all,
            },
            Disk {
                create,
                write: no_room,
            },
            Disk {
                create,
                write: no_room_for_last_part,
            },
        ] {
            let mut writer = BodyWriter::on(disk);
            let mut expected = Vec::new();
            for part in 0..=u8::MAX {
                let part = vec![part; CHUNK];
                writer.write_all(&part).expect("a part");
                expected.extend(part);
            }
            expected.push(b'!');
            writer.write_all(b"!").expect("the last part");
            let body = writer.finish().expect("a body");
            assert!(expected.len() > 2 * MAX_IN_MEMORY);
            assert!(matches!(body.into_contents(), Contents::Memory(bytes) if bytes == expected));
        }
    }

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
            let contents = body.clone().into_contents();
            let in_file = matches!(contents, Contents::File(_));
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
            if let Contents::File(file) = contents {
                let mut reader = file.reader();
                let mut copy = BodyWriter::new();
                while let Some(chunk) = reader.next_chunk().expect("a chunk") {
                    copy.write_all(&chunk).expect("a file");
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
