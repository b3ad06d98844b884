//! The body of an answer, which may end before it should.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body: whole, or cut off after its bytes.
pub(crate) struct Payload {
    bytes: Option<Bytes>,
    cut: bool,
    flushed: bool,
}

impl Payload {
    pub fn whole(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Some(bytes.into()),
            cut: false,
            flushed: false,
        }
    }

    /// A body that ends before the length that was announced.
    pub fn cut(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Some(bytes.into()),
            cut: true,
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
        if self.cut && !self.flushed {
            // One idle turn makes the server send what it has before it notices that the rest is
            // missing.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(bytes) if !self.cut => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
