//! Reads variables of the environment and collects what is wrong with each.

use super::validate::region;
use crate::model::Region;

pub(super) struct EnvReader<L> {
    pub(super) lookup: L,
    pub(super) errors: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> EnvReader<L> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    pub(super) fn push_error(&mut self, name: &str, value: &str, accepted: &str) {
        self.errors
            .push(format!("{name} is {value:?}; accepted is {accepted}"));
    }

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
                let because = if detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({detail})")
                };
                self.errors.push(format!(
                    "{name} is {text:?}{because}; accepted is {accepted}"
                ));
                None
            }
        }
    }

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

    pub(super) fn number(&mut self, name: &str, default: i64, least: i64, most: i64) -> i64 {
        self.optional(
            name,
            &format!("a whole number from {least} to {most}"),
            |text| {
                text.parse()
                    .ok()
                    .filter(|number| (least..=most).contains(number))
                    .ok_or_else(String::new)
            },
        )
        .unwrap_or(default)
    }

    /// `AWS_REGION` is the SDK's variable; without it nothing could be called.
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
