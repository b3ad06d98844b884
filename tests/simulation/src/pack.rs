//! An organization conformance pack with its member accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::status_record::StatusRecord;

/// The first account id that generated members get; the others count up from it.
const FIRST_ACCOUNT: u64 = 200_000_000_001;

/// The cause that generated failures give: an account without a configuration recorder is the usual
/// one.
const CODE: &str = "NoAvailableConfigurationRecorderException";
const MESSAGE: &str = "Configuration Recorder is not available to put rule";

#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub row: StatusRecord,
    pub members: BTreeMap<String, StatusRecord>,
    /// Which making of a pack of this name it is: a pack made anew gives its members new names.
    pub generation: u64,
}

impl Pack {
    /// A pack of `count` members, `failing` of them failing, spread evenly over the account ids.
    pub fn generated(count: usize, failing: usize, generation: u64) -> Self {
        let status = if failing == 0 {
            "CREATE_SUCCESSFUL"
        } else {
            "CREATE_FAILED"
        };
        let row = StatusRecord {
            updated: Some(generated_at()),
            ..StatusRecord::new(status)
        };
        Self {
            row,
            members: generate_members(count, failing),
            generation,
        }
    }
}

/// `count` member rows, `failing` of them failing, under consecutive account ids.
pub(crate) fn generate_members(count: usize, failing: usize) -> BTreeMap<String, StatusRecord> {
    let failing = failing.min(count);
    let spread = |index: usize| index * failing / count;
    (0..count)
        .map(|index| {
            let account = (FIRST_ACCOUNT + index as u64).to_string();
            let row = if spread(index) == spread(index + 1) {
                settled()
            } else {
                failed()
            };
            (account, row)
        })
        .collect()
}

fn settled() -> StatusRecord {
    StatusRecord {
        updated: Some(generated_at()),
        ..StatusRecord::new("CREATE_SUCCESSFUL")
    }
}

fn failed() -> StatusRecord {
    StatusRecord {
        updated: Some(generated_at()),
        ..StatusRecord::new("CREATE_FAILED")
            .code(CODE)
            .message(MESSAGE)
    }
}

fn generated_at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a constant time")
}

/// The name of a pack in one member account: `OrgConformsPack-<pack>-<8 characters>`, the same for
/// the same making.
pub(crate) fn member_pack_name(pack: &str, account: &str, generation: u64) -> String {
    // FNV-1a: any stable scatter does.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in pack
        .bytes()
        .chain(account.bytes())
        .chain(generation.to_be_bytes())
    {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let suffix: String = (0..8)
        .map(|_| {
            let digit = u32::try_from(hash % 36).expect("below 36");
            hash /= 36;
            char::from_digit(digit, 36).expect("a digit in base 36")
        })
        .collect();
    format!("OrgConformsPack-{pack}-{suffix}")
}
