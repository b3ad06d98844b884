//! Message attributes: the rules of the developer guide's "Amazon SNS message attributes".

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::answer::Refusal;
use crate::query::Form;
use crate::sns::invalid;

const PREFIX: &str = "MessageAttributes.entry";

/// A message attribute as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// `String`, `String.Array`, `Number` or `Binary`.
    pub data_type: String,
    /// The text; in base64 when it is `Binary`.
    pub value: String,
}

impl Attribute {
    /// What it counts towards the size of a message: name, type and value.
    pub(crate) fn size(&self, name: &str) -> usize {
        let value = if self.data_type == "Binary" {
            decoded_length(&self.value)
        } else {
            self.value.len()
        };
        name.len() + self.data_type.len() + value
    }
}

/// The attributes of a publish. SNS takes more than ten; it is raw delivery to SQS that drops such
/// messages.
pub(crate) fn read(form: &Form) -> Result<BTreeMap<String, Attribute>, Refusal> {
    let mut attributes = BTreeMap::new();
    for number in form.entries(PREFIX) {
        let field = |name: &str| {
            form.get(&format!("{PREFIX}.{number}.{name}"))
                .unwrap_or_default()
        };
        let name = field("Name");
        validate_name(name)?;
        let data_type = field("Value.DataType");
        let (given, other) = match data_type {
            "Binary" => ("Value.BinaryValue", "Value.StringValue"),
            _ => ("Value.StringValue", "Value.BinaryValue"),
        };
        let value = field(given);
        validate_value(name, data_type, value)?;
        if !field(other).is_empty() {
            return Err(bad(&format!(
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

/// `InvalidParameterValueException`, whose code on the wire is `ParameterValueInvalid`.
fn bad(message: &str) -> Refusal {
    Refusal::new(400, "ParameterValueInvalid", message)
}

fn validate_name(name: &str) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let periods = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > 256 || periods || !name.bytes().all(allowed) {
        return Err(bad(&format!(
            "Invalid message attribute name '{name}': it holds 1 to 256 letters, digits, underscores, hyphens and periods, \
             and no period at an end or next to another."
        )));
    }
    Ok(())
}

fn validate_value(name: &str, data_type: &str, value: &str) -> Result<(), Refusal> {
    if data_type.is_empty() {
        return Err(bad(&format!(
            "The message attribute '{name}' must contain a non-empty message attribute type."
        )));
    }
    if !["String", "String.Array", "Number", "Binary"].contains(&data_type) {
        return Err(bad(&format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is \
             Binary, Number, and String."
        )));
    }
    if value.is_empty() {
        return Err(bad(&format!(
            "The message attribute '{name}' must contain a non-empty message attribute value for message attribute type \
             '{data_type}'."
        )));
    }
    let fits = match data_type {
        "Number" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "String.Array" => is_scalar_array(value),
        "Binary" => is_base64(value),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(bad(&format!(
        "Could not cast message attribute '{name}' value to {}.",
        data_type.to_lowercase()
    )))
}

fn is_scalar_array(value: &str) -> bool {
    match serde_json::from_str(value) {
        Ok(Value::Array(values)) => !values
            .iter()
            .any(|value| value.is_array() || value.is_object()),
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
