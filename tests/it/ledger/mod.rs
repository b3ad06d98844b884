//! Tests of `ledger`: what it keeps for whom, until when, and what that leaves to be notified.

mod expiry;
mod outbox;
mod pending_changes;
mod receivers;
mod summary;
