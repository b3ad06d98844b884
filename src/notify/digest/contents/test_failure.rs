//! The invented failure of a test notification.

use super::digest::Digest;
use super::records::{RecordList, Records};
use crate::model::{FailureKey, GroupId, PackKey, Region, Source, StatusRecord};
use crate::report::{FailureRecord, GroupEvent, Member, group_members};

/// No account has this id.
const ACCOUNT: &str = "000000000000";

impl Digest {
    /// Puts one invented failure in place of the groups and records of a test notification. The
    /// numbers of the real failures stay.
    #[must_use]
    pub fn with_test_failure(self, region: &Region) -> Self {
        let caller = self.link_target.own_account.clone();
        let key = FailureKey::member(
            &PackKey {
                source: Source {
                    caller: caller.unwrap_or_else(|| ACCOUNT.into()),
                    region: region.clone(),
                },
                pack: "TEST-pack".into(),
            },
            &ACCOUNT.into(),
        );
        let record = StatusRecord {
            error_code: Some("NoAvailableConfigurationRecorderException".into()),
            error_message: Some(
                format!("TEST: there is no configuration recorder available in account {ACCOUNT}.")
                    .into(),
            ),
            last_update_time: Some(self.created_at),
            conformance_pack_name: Some("OrgConformsPack-TEST-pack".into()),
            ..StatusRecord::new("CREATE_FAILED")
        };
        let member = Member {
            event: GroupEvent::Appeared,
            resolution: None,
            group_id: GroupId::of(&record),
            key: &key,
            record: &record,
            since: self.created_at,
            until: None,
            account: None,
            stuck: false,
            was_muted: false,
            muted: false,
            pending: false,
            cause_changed: false,
        };
        let mut groups = group_members(vec![member], 1).groups;
        for group in &mut groups {
            group.cause.title.insert_str(0, "TEST: ");
        }
        let appeared = FailureRecord::invented(&key, &record, self.created_at);
        let mut remaining = usize::MAX;
        // It passes every filter that a real digest passes.
        let packs = self.watched.values().flatten().cloned().collect();
        let regions = self.watched.keys().map(|source| source.region.clone());
        let regions = regions.collect();
        Self {
            packs,
            regions,
            groups,
            records: Records {
                appeared: RecordList::of([Some(appeared)].into_iter(), &mut remaining),
                ..Records::default()
            },
            ..self
        }
    }
}
