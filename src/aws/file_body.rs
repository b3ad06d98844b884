//! The body of a request that is sent from a file.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

use super::payload_hash::PayloadHash;
use crate::object_body::{BodyFile, BodyReader};

/// Returns the contents of a file as a body, from the start for each attempt.
pub(super) fn stream(file: BodyFile) -> ByteStream {
    SdkBody::retryable(move || SdkBody::from_body_1_x(FileBody(file.reader()))).into()
}

/// What the headers of a request say about its body.
pub(super) struct BodyHashes {
    /// The CRC-32 as S3 expects it. For a body that is not in memory, the SDK would compute the
    /// checksum while it sends the body, and append it in an encoding that not every S3-compatible
    /// store can read.
    pub crc32: String,
    /// What the signature covers.
    pub payload: PayloadHash,
}

/// Returns the hashes of a file.
pub(super) fn hashes(file: &BodyFile) -> io::Result<BodyHashes> {
    let mut crc32 = ChecksumAlgorithm::Crc32.into_impl();
    let mut sha256 = Sha256::new();
    let mut reader = file.reader();
    while let Some(chunk) = reader.next_chunk()? {
        crc32.update(&chunk);
        sha256.update(&chunk);
    }
    Ok(BodyHashes {
        crc32: STANDARD.encode(crc32.finalize()),
        payload: PayloadHash(hex::encode(sha256.finalize())),
    })
}

struct FileBody(BodyReader);

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    /// Reads the next part. The file was written a moment ago, so reads do not wait for a disk.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(
            self.0
                .next_chunk()
                .map(|chunk| chunk.map(Frame::data))
                .transpose(),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.0.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.remaining())
    }
}
