//! Organizations of more than one page, and packs whose own status misleads.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv, keys};

#[tokio::test]
async fn nothing_on_later_pages_is_missed() {
    let stage = TestEnv::new().await;
    for number in 0..131 {
        stage.pack(&format!("pack-{number:03}"), "CREATE_SUCCESSFUL");
    }
    for number in 0..350 {
        let status = if number % 50 == 49 {
            "CREATE_FAILED"
        } else {
            "CREATE_SUCCESSFUL"
        };
        stage.member(
            "pack-130",
            &format!("{:012}", 200_000_000_000_u64 + number),
            status,
        );
    }
    stage.member("pack-129", "222233334444", "UPDATE_FAILED");
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["packs"], 131);
    assert_eq!(answer["totals"]["failures"], 8);
    assert_eq!(
        answer["config_calls"],
        2 + 130 + 4,
        "two pages of packs, a page of each, three of failing members besides"
    );
    let pages = stage.latest();
    let large = pages["packs"].as_array().unwrap().last().unwrap();
    let members =
        json!({"total": null, "failing": 7, "moving": null, "settled": null, "as_of": null});
    assert_eq!(
        (&large["reading"], &large["members"]),
        (&json!("failing"), &members)
    );
    assert_eq!(stage.digests()[0]["appeared"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn an_account_missing_from_shifted_pages_is_asked_for_by_name() {
    let stage = TestEnv::new().await;
    stage.pack("large", "CREATE_SUCCESSFUL");
    for number in 0..250 {
        stage.member(
            "large",
            &format!("{:012}", 200_000_000_000_u64 + number),
            "CREATE_SUCCESSFUL",
        );
    }
    stage.member("large", "200000000100", "CREATE_FAILED");
    stage.world.sparse_filters(true);
    stage.run().await;
    stage.world.sparse_filters(false);
    // A member of the first page leaves once that page is read: the first row of the second page is
    // in neither.
    let leaves = packwatch_simulation::Change::RemoveMember {
        caller: OWN.into(),
        region: REGION.into(),
        pack: "large".into(),
        account: "200000000000".into(),
    };
    let call = "GetOrganizationConformancePackDetailedStatus";
    stage.world.fault(
        Fault::then([leaves])
            .service(Service::Config)
            .operation(call)
            .nth(1),
    );
    stage.world.forget_calls();
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["failures"], 1, "it failed all along");
    let asked = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.filter.is_some())
        .count();
    assert_eq!(
        asked, 1,
        "the page that shifted hid it, so it was asked for by name"
    );
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn the_status_of_the_pack_hides_no_failing_account() {
    for status in ["CREATE_IN_PROGRESS", "UPDATE_SUCCESSFUL"] {
        let stage = TestEnv::new().await;
        stage.pack("baseline", status);
        stage.member("baseline", "222233334444", "UPDATE_FAILED");
        let answer = stage.run().await;
        assert_eq!(answer["totals"]["accounts_failing"], 1, "{status}");
        assert_eq!(
            keys(&stage.digests()[0]["appeared"]),
            ["baseline/222233334444"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_pack_that_fails_without_a_failing_member_is_told_from_its_second_run() {
    let stage = TestEnv::new().await;
    let row = StatusRecord::new("CREATE_FAILED")
        .code("TemplateValidation")
        .message("the template is refused");
    stage.world.put_pack(OWN, REGION, "baseline", row);
    stage.member("baseline", "222233334444", "CREATE_SUCCESSFUL");
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["appeared"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(stage.latest()["packs"][0]["change"], "early");
    assert_eq!(stage.digests().len(), 0);
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(keys(&digests[0]["appeared"]), ["baseline/-"]);
    assert_eq!(digests[0]["appeared"][0]["account_id"], json!(null));
    stage.member("baseline", "333344445555", "CREATE_FAILED");
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["cleared"], 0, "explained is no clearing");
    let digests = stage.digests();
    assert_eq!(keys(&digests[1]["appeared"]), ["baseline/333344445555"]);
    assert_eq!(digests[1]["cleared"][0]["how"], "explained");
}

#[tokio::test]
async fn a_repeated_page_token_is_a_gap_and_closes_nothing() {
    use packwatch_simulation::Effect;
    for effect in [Effect::RepeatToken, Effect::TokenCycle] {
        let stage = TestEnv::new().await;
        stage.pack("baseline", "CREATE_SUCCESSFUL");
        stage.member("baseline", "222233334444", "CREATE_FAILED");
        stage.world.page_size(Some(1));
        stage.world.sparse_filters(true);
        for number in 0..5 {
            stage.member(
                "baseline",
                &format!("{:012}", 100_000_000_000_u64 + number),
                "CREATE_SUCCESSFUL",
            );
        }
        stage.run().await;
        let call = "GetOrganizationConformancePackDetailedStatus";
        stage
            .world
            .fault(Fault::new(effect).service(Service::Config).operation(call));
        let answer = stage.run().await;
        assert_eq!(answer["complete"], false);
        let snapshot = stage.snapshot(&answer);
        assert_eq!(snapshot["gaps"][0]["code"], "RepeatedPageToken");
        assert_eq!(snapshot["packs"][0]["reading"], "partial");
        assert_eq!(keys(&snapshot["unconfirmed"]), ["baseline/222233334444"]);
        assert_eq!(stage.digests().len(), 1);
    }
}

#[tokio::test]
async fn empty_pages_with_a_token_are_followed() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", "222233334444", "CREATE_FAILED");
    stage.world.empty_page_every(Some(1));
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["failures"], 1);
    assert_eq!(answer["complete"], true);
}
