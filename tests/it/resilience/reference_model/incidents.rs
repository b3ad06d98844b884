//! Incidents as a tool like PagerDuty keeps them: an event that its rule transforms has a key and
//! an action, and nothing else decides which incidents are open.

use std::collections::BTreeSet;

use packwatch::model::{BusEvent, BusEventType};
use serde_json::{Value, json};

#[derive(Default)]
pub struct Incidents {
    /// The group ids of the open incidents.
    pub open: BTreeSet<String>,
    /// The ids of digests of which an event came twice.
    pub repeated: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Incidents {
    /// Takes an event. Returns what it did to an incident.
    pub fn receive(&mut self, event: &BusEvent) -> Option<&'static str> {
        let detail: Value = serde_json::from_str(&event.detail).expect("JSON");
        if !self.seen.insert(event.detail.clone()) {
            self.repeated.insert(detail["digest_id"].to_string());
        }
        if event.detail_type != BusEventType::Cause {
            return None;
        }
        let event = transform(&detail);
        let key = event["dedup_key"].as_str().expect("a string");
        let group_id = key.strip_prefix("packwatch/packwatch/").expect("the key");
        assert_eq!(detail["group"]["group_id"], group_id);
        let is_open = detail["group"]["open_after"] != 0;
        match event["event_action"].as_str().expect("a string") {
            "trigger" => {
                assert!(is_open, "{detail}");
                self.open.insert(group_id.to_owned());
                Some("triggered")
            }
            "resolve" => {
                assert!(!is_open, "{detail}");
                self.open.remove(group_id);
                Some("resolved")
            }
            other => panic!("unknown action {other}"),
        }
    }
}

/// Returns the request to the Events API of PagerDuty, as the input transformer of docs/routing.md
/// makes it.
fn transform(detail: &Value) -> Value {
    json!({
        "dedup_key": detail["dedup_key"],
        "event_action": detail["event_action"],
        "payload": {"summary": detail["group"]["title"], "severity": "error"},
    })
}
