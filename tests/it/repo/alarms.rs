//! The alarms and the dashboard held to the metrics that the program emits.

use std::collections::{BTreeMap, BTreeSet};

use packwatch::metrics::{DIMENSION, METRICS, NAMESPACE};
use serde_json::Value;

use crate::repo::sam_template::Template;

/// What nobody would be told of without an alarm.
const ALARMED: [&str; 3] = ["OldestUntoldAge", "RunCommitted", "RunIncomplete"];

fn unit(metric: &str) -> &'static str {
    let found = METRICS.iter().find(|(name, _)| *name == metric);
    found
        .unwrap_or_else(|| panic!("the program emits no metric {metric}"))
        .1
}

#[test]
fn every_alarm_watches_a_metric_that_the_program_emits_in_its_unit() {
    let template = Template::read();
    let mut alarmed = BTreeSet::new();
    for name in template.of_type("AWS::CloudWatch::Alarm") {
        let alarm = template.resource(&name);
        let about = alarm.get("AlarmDescription");
        let about = about
            .substituted()
            .unwrap_or_else(|| panic!("{name} has no description"));
        assert!(
            about.contains("First: "),
            "{name} does not say what to do first"
        );
        assert!(
            alarm.find("AlarmActions").is_some(),
            "{name} notifies nobody"
        );
        if alarm.get("Namespace").text() != NAMESPACE {
            continue;
        }
        let metric = alarm.get("MetricName").text();
        // An alarm in another unit than the metric's sees no data.
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
    assert_eq!(
        alarmed.iter().map(String::as_str).collect::<Vec<_>>(),
        ALARMED
    );
}

#[test]
fn the_dashboard_shows_every_metric_of_the_program_in_its_unit_and_no_others() {
    let template = Template::read();
    let body = template.resource("Dashboard").get("DashboardBody");
    let body: Value =
        serde_json::from_str(body.substituted().expect("a !Sub")).expect("the body is JSON");
    let mut shown = BTreeMap::new();
    for widget in body["widgets"].as_array().expect("widgets") {
        let properties = &widget["properties"];
        let title = properties["title"].as_str().expect("a title");
        let axis = properties["yAxis"]["left"]["label"]
            .as_str()
            .unwrap_or_else(|| panic!("{title}: no unit at the axis"));
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
fn the_computed_cost_counts_the_metrics_and_the_alarms_that_there_are() {
    let cost = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cost.py"))
        .expect("a script");
    let alarms = Template::read().of_type("AWS::CloudWatch::Alarm").len();
    let counted = format!("\nMETRICS, ALARMS = {}, {alarms}\n", METRICS.len());
    assert!(
        cost.contains(&counted),
        "benches/cost.py has no line{counted}"
    );
}
