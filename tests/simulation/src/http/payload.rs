//! A response body that can end before its announced length.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A complete or truncated response body.
pub(crate) struct Payload {
    bytes: Option<Bytes>,
    truncated: bool,
    flushed: bool,
}

impl Payload {
    pub fn complete(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Some(bytes.into()),
            truncated: false,
            flushed: false,
        }
    }

    /// Returns a body that ends before the `Content-Length` of its response.
    pub fn truncated(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Some(bytes.into()),
            truncated: true,
            flushed: false,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
        }
        if self.truncated && !self.flushed {
            // Returning `Pending` once makes hyper flush the bytes before it detects the missing
            // rest.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(bytes) if !self.truncated => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
