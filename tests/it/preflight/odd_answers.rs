//! Answers that are not those of AWS: no check that depends on one is `ok`.

use packwatch_simulation::{Effect, Fault, Service};

use super::{check, in_order, named, text};

/// The calls that only the preflight makes, and the check that depends on each.
const CALLS: [(Service, &str, &str); 6] = [
    (Service::Sts, "GetCallerIdentity", "identity"),
    (
        Service::Organizations,
        "DescribeOrganization",
        "account_kind",
    ),
    (
        Service::Organizations,
        "ListDelegatedAdministrators",
        "other_administrators",
    ),
    (
        Service::Config,
        "DescribeOrganizationConformancePackStatuses",
        "unwatched_regions",
    ),
    (Service::S3, "GetBucketVersioning", "bucket_versioning"),
    (Service::Sns, "GetTopicAttributes", "topic"),
];

#[tokio::test]
async fn odd_answers_are_never_ok() {
    let page = Effect::Raw {
        status: 200,
        content_type: "text/html".to_owned(),
        body: "<html>Please log in</html>".to_owned(),
    };
    let object = Effect::Raw {
        status: 200,
        content_type: "application/x-amz-json-1.1".to_owned(),
        body: "{}".to_owned(),
    };
    let effects = [
        Effect::Malformed,
        Effect::Empty,
        Effect::Truncated,
        Effect::CutOff,
        Effect::Unavailable,
        Effect::Throttle,
        page,
        object,
    ];
    for (service, operation, name) in CALLS {
        for effect in &effects {
            let env = in_order().await;
            let mut fault = Fault::new(effect.clone())
                .service(service)
                .operation(operation);
            if service == Service::Config {
                fault = fault.region("us-west-2");
            }
            env.world.fault(fault);
            let response = check(&env).await;
            let odd = named(&response, name)
                .into_iter()
                .find(|check| check["status"] != "ok");
            let odd = odd.unwrap_or_else(|| panic!("{operation}: {effect:?}: {response:#}"));
            if service == Service::Config {
                assert!(text(odd, "detail").contains("us-west-2"), "{odd}");
            }
        }
    }
}
