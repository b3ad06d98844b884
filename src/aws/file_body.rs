//! The body of a request that is sent from a file.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::object_body::{BodyFile, BodyReader};

/// Returns the contents of a file as a body, from the start for each attempt.
pub(super) fn stream(file: BodyFile) -> ByteStream {
    SdkBody::retryable(move || SdkBody::from_body_1_x(FileBody(file.reader()))).into()
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
