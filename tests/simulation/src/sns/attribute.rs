//! Message attributes, validated by the rules of "Amazon SNS message attributes" in the SNS
//! developer guide.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::http::query::Form;
use crate::service::ServiceError;
use crate::sns::invalid;

const PREFIX: &str = "MessageAttributes.entry";

/// A message attribute as received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// `String`, `String.Array`, `Number` or `Binary`.
    pub data_type: String,
    /// The value; in base64 for `Binary`.
    pub value: String,
}

impl Attribute {
    /// Returns the attribute's share of the message size, in bytes: name, type and value.
    pub(crate) fn size(&self, name: &str) -> usize {
        let value = if self.data_type == "Binary" {
            decoded_length(&self.value)
        } else {
            self.value.len()
        };
        name.len() + self.data_type.len() + value
    }
}

/// Returns the attributes of a `Publish` request.
///
/// SNS accepts more than ten attributes; raw delivery to SQS discards such messages.
pub(crate) fn read(form: &Form) -> Result<BTreeMap<String, Attribute>, ServiceError> {
    let mut attributes = BTreeMap::new();
    for number in form.entries(PREFIX) {
        let field = |name: &str| {
            form.get(&format!("{PREFIX}.{number}.{name}"))
                .unwrap_or_default()
        };
        let name = field("Name");
        validate_name(name)?;
        let data_type = field("Value.DataType");
        let (expected, other) = match data_type {
            "Binary" => ("Value.BinaryValue", "Value.StringValue"),
            _ => ("Value.StringValue", "Value.BinaryValue"),
        };
        let value = field(expected);
        validate_value(name, data_type, value)?;
        if !field(other).is_empty() {
            return Err(invalid_value(&format!(
                "The message attribute '{name}' has multiple values."
            )));
        }
        let attribute = Attribute {
            data_type: data_type.to_owned(),
            value: value.to_owned(),
        };
        if attributes.insert(name.to_owned(), attribute).is_some() {
            return Err(invalid(&format!(
                "Message attribute name '{name}' already exists."
            )));
        }
    }
    Ok(attributes)
}

/// Returns an `InvalidParameterValueException`, whose code on the wire is `ParameterValueInvalid`.
fn invalid_value(message: &str) -> ServiceError {
    ServiceError::new(400, "ParameterValueInvalid", message)
}

fn validate_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let misplaced_period = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > 256 || misplaced_period || !name.bytes().all(allowed) {
        return Err(invalid_value(&format!(
            "Invalid message attribute name '{name}': it must have 1 to 256 letters, digits, underscores, hyphens and \
             periods. It must not start or end with a period or have successive periods."
        )));
    }
    Ok(())
}

fn validate_value(name: &str, data_type: &str, value: &str) -> Result<(), ServiceError> {
    if data_type.is_empty() {
        return Err(invalid_value(&format!(
            "The message attribute '{name}' must contain a non-empty message attribute type."
        )));
    }
    if !["String", "String.Array", "Number", "Binary"].contains(&data_type) {
        return Err(invalid_value(&format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is \
             Binary, Number, and String."
        )));
    }
    if value.is_empty() {
        return Err(invalid_value(&format!(
            "The message attribute '{name}' must contain a non-empty message attribute value for message attribute type \
             '{data_type}'."
        )));
    }
    let is_valid = match data_type {
        "Number" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "String.Array" => is_nonempty_scalar_array(value),
        "Binary" => is_base64(value),
        _ => true,
    };
    if is_valid {
        return Ok(());
    }
    Err(invalid_value(&format!(
        "Could not cast message attribute '{name}' value to {}.",
        data_type.to_lowercase()
    )))
}

/// Returns whether a value is a JSON array with at least one element and only scalar elements.
///
/// It is not documented whether SNS accepts an empty array. SNS requires a value that is not empty,
/// so the simulation applies the stricter reading.
fn is_nonempty_scalar_array(value: &str) -> bool {
    match serde_json::from_str(value) {
        Ok(Value::Array(values)) => {
            !values.is_empty()
                && !values
                    .iter()
                    .any(|value| value.is_array() || value.is_object())
        }
        _ => false,
    }
}

fn is_base64(value: &str) -> bool {
    let digits = value.trim_end_matches('=');
    value.len().is_multiple_of(4)
        && value.len() - digits.len() <= 2
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

fn decoded_length(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}
