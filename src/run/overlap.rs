//! Work that is done while a request is in flight.

use futures_util::future;

/// Number of turns after which the other tasks have sent a small request, or have begun to send a
/// large one.
const TURNS_TO_SEND: usize = 4;

/// Awaits `requests`, and does `work`, which computes and does not wait, while they are answered.
pub(super) async fn while_answered<F: Future, T>(
    requests: F,
    work: impl AsyncFnOnce() -> T,
) -> (F::Output, T) {
    let work = async {
        // All tasks share one thread.
        for _ in 0..TURNS_TO_SEND {
            tokio::task::yield_now().await;
        }
        work().await
    };
    future::join(requests, work).await
}
