//! Checks that the alarms, the dashboard, the saved queries and the cost script match the metrics
//! that the function emits.

use std::collections::{BTreeMap, BTreeSet};

use packwatch::metrics::{ALARM_METRICS, DIMENSION, METRICS, NAMESPACE};
use serde_json::Value;

use super::files::read;
use crate::repo::sam_template::Template;

/// How each alarm treats missing data.
const MISSING_DATA: [(&str, &str); 6] = [
    // Digests wait from one run to the next, between which there is no data.
    ("DigestNotDelivered", "ignore"),
    // A function that does not run emits nothing.
    ("Incomplete", "breaching"),
    ("NoRecentRun", "breaching"),
    // SQS stops sending metrics six hours after the last message or call, whether or not messages
    // are left in the queue.
    ("RunDeadLettered", "ignore"),
    // Missing runs are another alarm.
    ("RunFailed", "notBreaching"),
    ("StartDeadLettered", "ignore"),
];

/// Returns the unit of an emitted metric.
fn unit(metric: &str) -> &'static str {
    let found = METRICS.iter().find(|(name, _)| *name == metric);
    found
        .unwrap_or_else(|| panic!("no metric {metric} is emitted"))
        .1
}

#[test]
fn alarms_use_emitted_metrics_with_their_units() {
    let template = Template::read();
    let mut alarmed = BTreeSet::new();
    for name in template.of_type("AWS::CloudWatch::Alarm") {
        let alarm = template.resource(&name);
        let description = alarm.get("AlarmDescription");
        let description = description
            .substituted()
            .unwrap_or_else(|| panic!("{name} has no description"));
        assert!(
            description.contains("First: "),
            "the description of {name} has no first step"
        );
        assert!(
            alarm.find("AlarmActions").is_some(),
            "{name} has no AlarmActions"
        );
        if alarm.get("Namespace").text() != NAMESPACE {
            continue;
        }
        let metric = alarm.get("MetricName").text();
        // An alarm with a unit other than the metric's gets no data.
        assert_eq!(alarm.get("Unit").text(), unit(&metric), "{name}");
        let dimensions = alarm.get("Dimensions").items();
        let [dimension] = dimensions.as_slice() else {
            panic!("{name} has {} dimensions", dimensions.len())
        };
        assert_eq!(dimension.get("Name").text(), DIMENSION, "{name}");
        assert_eq!(
            dimension.get("Value").reference(),
            Some("Function"),
            "{name}"
        );
        alarmed.insert(metric);
    }
    // The default of METRICS declares no other metrics, so another alarm would get no data.
    assert_eq!(alarmed, ALARM_METRICS.map(str::to_owned).into());
}

#[test]
fn alarms_link_to_their_section_of_operations() {
    let template = Template::read();
    let operations = read("docs/operations.md");
    for name in template.of_type("AWS::CloudWatch::Alarm") {
        let description = template.resource(&name).get("AlarmDescription");
        let description = description.substituted().expect("a !Sub");
        let anchor = name.to_lowercase();
        let link = format!("Runbook: ${{DocumentationUrl}}docs/operations.md#{anchor}");
        assert!(
            description.trim_end().ends_with(&link),
            "{name}: {description}"
        );
        let section = operations
            .split("\n### ")
            .find_map(|section| section.strip_prefix(&format!("{name}\n")))
            .unwrap_or_else(|| panic!("docs/operations.md has no section {name}"));
        let section = section.split("\n## ").next().unwrap_or_default();
        assert!(
            section.contains("\naws "),
            "the section {name} of docs/operations.md has no command"
        );
    }
}

#[test]
fn alarms_treat_missing_data_as_listed() {
    let template = Template::read();
    let treatment: Vec<_> = template
        .of_type("AWS::CloudWatch::Alarm")
        .into_iter()
        .map(|name| {
            let treatment = template.resource(&name).get("TreatMissingData").text();
            (name, treatment)
        })
        .collect();
    let listed = MISSING_DATA.map(|(name, treatment)| (name.to_owned(), treatment.to_owned()));
    assert_eq!(treatment, listed);
}

#[test]
fn dashboard_shows_exactly_the_emitted_metrics() {
    let template = Template::read();
    let body = template.resource("MetricsDashboard").get("DashboardBody");
    let body: Value =
        serde_json::from_str(body.substituted().expect("a !Sub")).expect("the body is JSON");
    let mut shown = BTreeMap::new();
    for widget in body["widgets"].as_array().expect("widgets") {
        let properties = &widget["properties"];
        let title = properties["title"].as_str().expect("a title");
        let axis = properties["yAxis"]["left"]["label"]
            .as_str()
            .unwrap_or_else(|| panic!("{title}: the axis has no unit"));
        for metric in properties["metrics"].as_array().expect("metrics") {
            if metric[0] != NAMESPACE {
                continue;
            }
            let name = metric[1].as_str().expect("a name");
            assert_eq!(
                (&metric[2], &metric[3]),
                (&DIMENSION.into(), &"${Function}".into()),
                "{title}: {name}"
            );
            assert_eq!(axis, unit(name), "{title}: {name}");
            assert_eq!(
                shown.insert(name.to_owned(), axis),
                None,
                "{name} is shown twice"
            );
        }
    }
    let emitted: BTreeMap<_, _> = METRICS
        .iter()
        .map(|(name, unit)| ((*name).to_owned(), *unit))
        .collect();
    assert_eq!(shown, emitted);
}

#[test]
fn saved_queries_show_every_emitted_metric() {
    let template = Template::read();
    let mut queried = BTreeSet::new();
    for name in template.of_type("AWS::Logs::QueryDefinition") {
        let query = template.resource(&name);
        let [group] = query
            .get("LogGroupNames")
            .items()
            .try_into()
            .unwrap_or_else(|groups: Vec<_>| panic!("{name} queries {} log groups", groups.len()));
        assert_eq!(group.reference(), Some("LogGroup"), "{name}");
        let text = query.get("QueryString").text();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        queried.extend(words.map(str::to_owned));
    }
    for (metric, _) in METRICS {
        assert!(queried.contains(metric), "no saved query shows {metric}");
    }
}

#[test]
fn cost_script_counts_all_metrics_and_alarms() {
    let cost = read("benches/cost.py");
    let alarms = Template::read().of_type("AWS::CloudWatch::Alarm").len();
    let counted = format!(
        "\nALARM_METRICS, ALL_METRICS, ALARMS = {}, {}, {alarms}\n",
        ALARM_METRICS.len(),
        METRICS.len()
    );
    assert!(
        cost.contains(&counted),
        "benches/cost.py does not contain:{counted}"
    );
}
