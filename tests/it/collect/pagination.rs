//! Pagination of packs and members, and packs whose own status does not reflect their members.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TOPIC, TestEnv, email, keys};

#[tokio::test]
async fn packs_and_members_on_later_pages_are_read() {
    let env = TestEnv::new().await;
    for number in 0..131 {
        env.pack(&format!("pack-{number:03}"), "CREATE_SUCCESSFUL");
    }
    for number in 0..350 {
        let status = if number % 50 == 49 {
            "CREATE_FAILED"
        } else {
            "CREATE_SUCCESSFUL"
        };
        env.member(
            "pack-130",
            &format!("{:012}", 200_000_000_000_u64 + number),
            status,
        );
    }
    env.member("pack-129", "222233334444", "UPDATE_FAILED");
    let response = env.run().await;
    assert_eq!(response["totals"]["packs"], 131);
    assert_eq!(response["totals"]["failures"], 8);
    assert_eq!(
        response["config_calls"],
        2 + 130 + 4,
        "two pages of packs, one page of members for each pack, and three failing-only pages"
    );
    let latest = env.latest();
    let large = latest["packs"].as_array().unwrap().last().unwrap();
    let members =
        json!({"total": null, "failed": 7, "in_progress": null, "successful": null, "as_of": null});
    assert_eq!(
        (&large["coverage"], &large["members"]),
        (&json!("failing_only"), &members)
    );
    assert_eq!(env.digests()[0]["appeared"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn account_hidden_by_page_shift_is_read_by_id() {
    let env = TestEnv::new().await;
    env.pack("large", "CREATE_SUCCESSFUL");
    for number in 0..250 {
        env.member(
            "large",
            &format!("{:012}", 200_000_000_000_u64 + number),
            "CREATE_SUCCESSFUL",
        );
    }
    env.member("large", "200000000100", "CREATE_FAILED");
    env.world.sparse_filters(true);
    env.run().await;
    env.world.sparse_filters(false);
    // A member of the first page is removed after that page is read. The rows shift, and the first
    // row of the second page appears on neither page.
    let leaves = packwatch_simulation::Change::RemoveMember {
        caller: OWN.into(),
        region: REGION.into(),
        pack: "large".into(),
        account: "200000000000".into(),
    };
    let call = "GetOrganizationConformancePackDetailedStatus";
    env.world.fault(
        Fault::then([leaves])
            .service(Service::Config)
            .operation(call)
            .nth(1),
    );
    env.world.forget_calls();
    let response = env.run().await;
    assert_eq!(
        response["totals"]["failures"], 1,
        "the account failed during the whole run"
    );
    let filtered_calls = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.filter.is_some())
        .count();
    assert_eq!(
        filtered_calls, 1,
        "the account hidden by the page shift is read by its id"
    );
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn pack_status_does_not_hide_failing_account() {
    for status in ["CREATE_IN_PROGRESS", "UPDATE_SUCCESSFUL"] {
        let env = TestEnv::new().await;
        env.pack("baseline", status);
        env.member("baseline", "222233334444", "UPDATE_FAILED");
        let response = env.run().await;
        assert_eq!(response["totals"]["accounts_failing"], 1, "{status}");
        assert_eq!(
            keys(&env.digests()[0]["appeared"]),
            ["baseline/222233334444"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn failed_pack_without_failed_member_is_due_in_second_run() {
    let env = TestEnv::new().await;
    let row = StatusRecord::new("CREATE_FAILED")
        .code("TemplateValidation")
        .message("the template is rejected");
    env.world.put_pack(OWN, REGION, "baseline", row);
    env.member("baseline", "222233334444", "CREATE_SUCCESSFUL");
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["appeared"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(env.latest()["packs"][0]["change"], "pending");
    let first = env.digests();
    assert_eq!((first.len(), &first[0]["appeared"]), (1, &json!([])));
    env.world.forget_publishes();
    env.run().await;
    let digests = env.digests();
    assert_eq!(keys(&digests[0]["appeared"]), ["baseline/-"]);
    assert_eq!(digests[0]["appeared"][0]["account_id"], json!(null));
    env.member("baseline", "333344445555", "CREATE_FAILED");
    let response = env.run().await;
    assert_eq!(
        response["totals"]["cleared"], 0,
        "an attributed failure does not count as cleared"
    );
    let digests = env.digests();
    assert_eq!(keys(&digests[1]["appeared"]), ["baseline/333344445555"]);
    assert_eq!(digests[1]["cleared"][0]["resolution"], "attributed");
}

#[tokio::test]
async fn repeated_page_token_is_gap_and_clears_nothing() {
    for effect in [Effect::RepeatToken, Effect::TokenCycle] {
        let env = TestEnv::new().await;
        env.pack("baseline", "CREATE_SUCCESSFUL");
        env.member("baseline", "222233334444", "CREATE_FAILED");
        env.world.page_size(Some(1));
        env.world.sparse_filters(true);
        for number in 0..5 {
            env.member(
                "baseline",
                &format!("{:012}", 100_000_000_000_u64 + number),
                "CREATE_SUCCESSFUL",
            );
        }
        env.run().await;
        let call = "GetOrganizationConformancePackDetailedStatus";
        env.world
            .fault(Fault::new(effect).service(Service::Config).operation(call));
        let response = env.run().await;
        assert_eq!(response["complete"], false);
        let snapshot = env.snapshot(&response);
        assert_eq!(snapshot["gaps"][0]["code"], "RepeatedPageToken");
        assert_eq!(snapshot["packs"][0]["coverage"], "partial");
        assert_eq!(keys(&snapshot["unconfirmed"]), ["baseline/222233334444"]);
        assert_eq!(env.digests().len(), 1);
    }
}

#[tokio::test]
async fn empty_page_token_ends_listing() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    for account in ["222233334444", "333344445555", "444455556666"] {
        env.member("baseline", account, "CREATE_FAILED");
    }
    env.world.page_size(Some(1));
    env.world
        .fault(Fault::new(Effect::EmptyToken).service(Service::Config));
    let response = env.run().await;
    assert_eq!(response["complete"], true, "{response}");
    assert_eq!(response["totals"]["packs"], 2);
    assert_eq!(response["totals"]["failures"], 3);
    assert_eq!(env.snapshot(&response)["gaps"], json!([]));
}

#[tokio::test]
async fn blank_code_and_message_mean_none() {
    for blank in ["", " ", "\t\n"] {
        let env = TestEnv::new().await;
        let record = |status: &str| StatusRecord::new(status).code(blank).message(blank);
        env.world
            .put_pack(OWN, REGION, "baseline", record("UPDATE_SUCCESSFUL"));
        let member = record("CREATE_FAILED").pack_name(blank);
        env.world
            .put_member(OWN, REGION, "baseline", "222233334444", member);
        let response = env.run().await;
        let pack = &env.snapshot(&response)["packs"][0];
        let failing = &pack["failing_accounts"][0];
        for value in [
            &pack["error_code"],
            &pack["error_message"],
            &failing["error_code"],
            &failing["error_message"],
            &failing["conformance_pack_name"],
        ] {
            assert_eq!(value, &json!(null), "{blank:?}: {pack}");
        }
        let text = email(&env.publishes(TOPIC)[0]);
        assert!(text.contains("reports CREATE_FAILED without a"), "{text}");
        assert!(!text.contains(":\n\n"), "a label has no text: {text}");
    }
}

#[tokio::test]
async fn empty_page_with_token_is_followed() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", "222233334444", "CREATE_FAILED");
    env.world.empty_page_every(Some(1));
    let response = env.run().await;
    assert_eq!(response["totals"]["failures"], 1);
    assert_eq!(response["complete"], true);
}
