//! Environment reader: reads variables and collects the errors of all of them.

use super::validate::region;
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
            .push(format!("{name} is {value:?}; accepted is {accepted}"));
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
                self.errors.push(format!(
                    "{name} is {text:?}{reason}; accepted is {accepted}"
                ));
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
                .push(format!("{name} is not set; accepted is {accepted}"));
        }
        self.optional(name, accepted, parse)
    }

    /// Parses an optional whole number from `min` to `max`. On an error, records it and returns
    /// `default`.
    pub(super) fn number(&mut self, name: &str, default: i64, min: i64, max: i64) -> i64 {
        self.optional(
            name,
            &format!("a whole number from {min} to {max}"),
            |text| {
                text.parse()
                    .ok()
                    .filter(|number| (min..=max).contains(number))
                    .ok_or_else(String::new)
            },
        )
        .unwrap_or(default)
    }

    /// Returns the function's own region from `AWS_REGION` or `AWS_DEFAULT_REGION`, the variables
    /// of the SDK. Records an error if neither is set, because no AWS service could be called.
    pub(super) fn home_region(&mut self) -> Region {
        let name = if self.text("AWS_REGION").is_some() {
            "AWS_REGION"
        } else {
            "AWS_DEFAULT_REGION"
        };
        if self.text(name).is_none() {
            self.errors.push(
                "AWS_REGION is not set; accepted is the function's own region such as eu-west-1"
                    .to_owned(),
            );
        }
        self.optional(name, "a region such as eu-west-1", |text| {
            region(text).ok_or_else(String::new)
        })
        .unwrap_or_else(|| Region::from(""))
    }
}
