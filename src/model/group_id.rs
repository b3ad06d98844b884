//! Group id: the identity of a cause, the same in every pack, region, account and run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use super::message_skeleton::message_skeleton;
use super::status::StatusRecord;

/// The id of a group of failures with the same cause: the first 12 hex digits of the SHA-256 of the
/// error code (the status where there is none) and the skeleton of the message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; 6]);

impl GroupId {
    /// Returns the id of the cause that a status record shows. The id of a message that was
    /// shortened can differ from that of the whole message.
    pub fn of(record: &StatusRecord) -> Self {
        let message = record.error_message.as_ref();
        let skeleton = message.map(|message| message_skeleton(message.as_str()));
        let mut hash = Sha256::new();
        hash.update(record.code_or_status());
        hash.update("\n");
        hash.update(skeleton.unwrap_or_default());
        let hash: [u8; 32] = hash.finalize().into();
        let mut id = [0; 6];
        id.copy_from_slice(&hash[..6]);
        Self(id)
    }
}

/// The error for a text that is no group id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group id has 12 hex digits")]
pub struct InvalidGroupId;

impl FromStr for GroupId {
    type Err = InvalidGroupId;

    fn from_str(text: &str) -> Result<Self, InvalidGroupId> {
        let valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| valid);
        let [_, _, id @ ..] = number.ok_or(InvalidGroupId)?.to_be_bytes();
        Ok(Self(id))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 12];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl schemars::JsonSchema for GroupId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GroupId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-9a-f]{12}$"})
    }
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::GroupId;
    use crate::model::StatusRecord;

    fn record(status: &str, code: Option<&str>, message: Option<&str>) -> StatusRecord {
        StatusRecord {
            error_code: code.map(Into::into),
            error_message: message.map(Into::into),
            ..StatusRecord::new(status)
        }
    }

    #[test]
    fn id_depends_on_code_or_status_and_on_plain_words() {
        let base = record("CREATE_FAILED", Some("Denied"), Some("in account 1 denied"));
        let same = record(
            "UPDATE_FAILED",
            Some("Denied"),
            Some("in account 222 denied"),
        );
        assert_eq!(GroupId::of(&base), GroupId::of(&same));
        for other in [
            record("CREATE_FAILED", Some("Other"), Some("in account 1 denied")),
            record(
                "CREATE_FAILED",
                Some("Denied"),
                Some("in account 1 allowed"),
            ),
            record("CREATE_FAILED", Some("Denied"), None),
            record("CREATE_FAILED", None, Some("in account 1 denied")),
            record("UPDATE_FAILED", None, Some("in account 1 denied")),
        ] {
            assert_ne!(GroupId::of(&base), GroupId::of(&other), "{other:?}");
        }
    }

    #[test]
    fn id_is_twelve_hex_digits_and_parses() {
        // printf 'CREATE_FAILED\n' | sha256sum
        let id = GroupId::of(&record("CREATE_FAILED", None, None));
        assert_eq!(id.to_string(), "ab639ddf569c");
        assert_eq!(id.to_string().parse(), Ok(id));
        for invalid in [
            "",
            "3f9a1c2b4d5",
            "3f9a1c2b4d5g",
            "+f9a1c2b4d5e",
            "3f9a1c2b4d5e0",
        ] {
            assert!(invalid.parse::<GroupId>().is_err(), "{invalid}");
        }
    }
}
