//! Collection: reads AWS Config into an [`Observation`], page by page. This module decides which
//! calls are made, in which order and how many; [`evaluate`](crate::evaluate) decides what the
//! results mean.

pub mod account_names;
mod builder;
mod collector;
mod observation;
mod pack;
mod pagination;
mod source;
mod source_client;
mod strategy;

pub use builder::ObservationBuilder;
pub use collector::Collector;
pub use observation::{Coverage, Listing, Observation, PackObservation, StatusFilters};
