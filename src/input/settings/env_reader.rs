//! Environment reader: reads variables and collects the errors of all of them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::validate::{HOME_REGION, region};
use crate::model::Region;

/// Reads variables through `lookup`, which returns the value of a variable.
pub(super) struct EnvReader<L> {
    pub(super) lookup: L,
    /// One message for each invalid variable.
    pub(super) errors: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> EnvReader<L> {
    /// Returns the trimmed value of a variable, or `None` if it is unset or blank.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// Records that the value of a variable is not accepted.
    pub(super) fn push_error(&mut self, name: &str, value: &str, accepted: &str) {
        self.errors
            .push(format!("{name} is {value:?}; accepted: {accepted}"));
    }

    /// Parses an optional variable. On an error, records it and returns `None`. The error of
    /// `parse` is a detail for the message, or empty.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        accepted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                let reason = if detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({detail})")
                };
                self.errors
                    .push(format!("{name} is {text:?}{reason}; accepted: {accepted}"));
                None
            }
        }
    }

    /// Parses a required variable. On an error, records it and returns `None`.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        accepted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(name).is_none() {
            self.errors
                .push(format!("{name} is not set; accepted: {accepted}"));
        }
        self.optional(name, accepted, parse)
    }

    /// Parses an optional whole number in `range`. On an error, records it and returns `default`.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T {
        let accepted = format!("a whole number from {} to {}", range.start(), range.end());
        self.optional(name, &accepted, |text| {
            text.parse()
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(String::new)
        })
        .unwrap_or(default)
    }

    /// Parses the function's own region from `AWS_REGION` or `AWS_DEFAULT_REGION`, the variables of
    /// the SDK. It is required, because without it no AWS service could be called.
    pub(super) fn home_region(&mut self) -> Option<Region> {
        let name = match self.text("AWS_REGION") {
            None if self.text("AWS_DEFAULT_REGION").is_some() => "AWS_DEFAULT_REGION",
            _ => "AWS_REGION",
        };
        self.required(name, HOME_REGION, |text| {
            region(text).ok_or_else(String::new)
        })
    }
}
