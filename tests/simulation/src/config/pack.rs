//! Organization conformance packs and their member accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::status_record::StatusRecord;

/// Account id of the first generated member; the others follow consecutively.
const FIRST_ACCOUNT: u64 = 200_000_000_001;

/// Error of generated failures: a missing configuration recorder is the usual cause.
const ERROR_CODE: &str = "NoAvailableConfigurationRecorderException";
const ERROR_MESSAGE: &str = "Configuration Recorder is not available to put rule";

/// An organization conformance pack.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    /// The pack's own status.
    pub record: StatusRecord,
    /// Member statuses by account id.
    pub members: BTreeMap<String, StatusRecord>,
    /// Unique number of this creation of the pack. A recreated pack has new `ConformancePackName`s
    /// in its member accounts.
    pub generation: u64,
}

impl Pack {
    /// Returns a pack of `count` members with `failing` failures, spread evenly over the account
    /// ids.
    pub fn generated(count: usize, failing: usize, generation: u64) -> Self {
        let status = if failing == 0 {
            "CREATE_SUCCESSFUL"
        } else {
            "CREATE_FAILED"
        };
        let record = StatusRecord {
            updated: Some(generated_at()),
            ..StatusRecord::new(status)
        };
        Self {
            record,
            members: generate_members(count, failing),
            generation,
        }
    }

    /// Gives each failing member an error message of its own with this many characters. `number` is
    /// the number of the pack.
    pub fn make_messages_different(&mut self, number: usize, length: usize) {
        for (account, record) in &mut self.members {
            if record.code.is_some() {
                let start = format!("Pack {number} in account {account} failed. ");
                let filling = "It could not be deployed. ".chars().cycle();
                record.message = Some(start.chars().chain(filling).take(length).collect());
            }
        }
    }
}

/// Returns the status records of `count` members with consecutive account ids, `failing` of them
/// failed and spread evenly.
pub(crate) fn generate_members(count: usize, failing: usize) -> BTreeMap<String, StatusRecord> {
    let failing = failing.min(count);
    let spread = |index: usize| index * failing / count;
    (0..count)
        .map(|index| {
            let account = (FIRST_ACCOUNT + index as u64).to_string();
            let record = if spread(index) == spread(index + 1) {
                successful()
            } else {
                failed()
            };
            (account, record)
        })
        .collect()
}

fn successful() -> StatusRecord {
    StatusRecord {
        updated: Some(generated_at()),
        ..StatusRecord::new("CREATE_SUCCESSFUL")
    }
}

fn failed() -> StatusRecord {
    StatusRecord {
        updated: Some(generated_at()),
        ..StatusRecord::new("CREATE_FAILED")
            .code(ERROR_CODE)
            .message(ERROR_MESSAGE)
    }
}

fn generated_at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a valid timestamp")
}

/// Returns the `ConformancePackName` of a pack in one member account:
/// `OrgConformsPack-<pack>-<8 characters>`. It depends only on the arguments.
pub(crate) fn member_pack_name(pack: &str, account: &str, generation: u64) -> String {
    // FNV-1a. Any stable hash would do.
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
