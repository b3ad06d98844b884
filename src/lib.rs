//! packwatch tells when an AWS Config organization conformance pack starts or stops failing, in
//! which member accounts, and why. This is the map; each room says at its door what it owns.
//!
//! A run flows one way:
//!
//! | step | room |
//! | --- | --- |
//! | what arrived, what was set up | [`event`], [`settings`] |
//! | what this run is | [`plan`], [`scope`] |
//! | what it sees | [`reader`], [`names`] → [`observation`] |
//! | what was known before | [`ledger`] |
//! | what that changes | [`evaluate`] → [`changes`] |
//! | what is kept and said | [`snapshot`], [`digest`], [`tell`], [`report`], [`error`] |
//! | the steps in order | [`pipeline`] |
//! | the edges | [`ports`], implemented in [`aws`] |
//! | what it measured | [`telemetry`] |
//! | Lambda's face | [`handler`], [`startup`] |
//!
//! [`model`] has the nouns that all of them share; [`totals`] and [`message`] are what several of
//! them pass on.

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
