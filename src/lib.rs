//! packwatch tells a platform or security team when an AWS Config organization conformance pack
//! starts or stops failing, in which member accounts, and why.
//!
//! # A run in eight steps
//!
//! | step | where |
//! | --- | --- |
//! | 1. Read the event and the settings, and plan the run | [`input`] |
//! | 2. Load the ledger of the last run | [`run`], [`ledger`] |
//! | 3. Read the packs and their members from AWS Config | [`collect`] |
//! | 4. Evaluate the observation against the ledger: what is open now | [`evaluate`] |
//! | 5. Store the snapshot | [`report`], [`run`] |
//! | 6. Put digests of the pending changes into the outbox, and commit the ledger by compare-and-swap | [`notify`], [`run`] |
//! | 7. Deliver the outgoing digests, and settle them in the ledger | [`run`] |
//! | 8. Return the response and emit the metrics | [`lambda`], [`metrics`] |
//!
//! Nothing is sent that is not committed, and nothing is committed over a newer read.
//!
//! # Layers
//!
//! Each module uses only modules of the layers below it, and no two files use each other. A test
//! (`tests/it/repo/architecture.rs`) holds both rules.
//!
//! | layer | modules |
//! | --- | --- |
//! | entry | the binary, [`lambda`], [`system`] |
//! | application | [`run`] |
//! | output | [`notify`] above [`report`]; [`metrics`] |
//! | domain | [`evaluate`] above [`ledger`] and the observation of [`collect`] |
//! | edges | [`collect`], [`aws`] |
//! | foundation | [`input`], [`ports`], [`model`] |
//!
//! [`ports`] holds the traits to the outside; [`aws`] implements them with the AWS SDK. Clock,
//! environment and randomness come from [`system`] and are passed in, so equal input gives equal
//! bytes.

pub mod aws;
pub mod collect;
pub mod evaluate;
pub mod input;
pub mod lambda;
pub mod ledger;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod ports;
pub mod report;
pub mod run;
pub mod system;
