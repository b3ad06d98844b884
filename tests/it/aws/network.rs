//! The network between the AWS clients and AWS: a proxy, a private certificate authority, and
//! connections that fail.

use std::time::Duration;

use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::Credentials;
use packwatch::aws::{self, AwsClients, Timeouts};
use packwatch::input::settings::{InvalidSettings, Settings};
use packwatch::model::display_chain;
use packwatch::ports::{ConfigApi, FailureCause, ObjectStore, ServiceFailure};
use packwatch_simulation::{Effect, Fault};

use crate::support::harness::{BUCKET, REGION, TOPIC, TestEnv};
use crate::support::loopback::{Proxy, TLS_HOST, TlsServer, tls_file};

fn authority() -> String {
    tls_file("authority.pem").display().to_string()
}

/// Connects to an endpoint with these variables in the environment.
async fn connect(
    endpoint: &str,
    variables: &[(&str, String)],
) -> Result<AwsClients, InvalidSettings> {
    let base = [
        ("AWS_REGION", REGION.to_owned()),
        ("SNAPSHOT_BUCKET", BUCKET.to_owned()),
        ("TOPIC_ARN", TOPIC.to_owned()),
        ("AWS_MAX_ATTEMPTS", "1".to_owned()),
    ];
    let lookup = |name: &str| {
        let mut all = base.iter().chain(variables);
        all.find(|(key, _)| *key == name)
            .map(|(_, value)| value.clone())
    };
    let settings = Settings::read(lookup).expect("the settings are valid");
    let loader = aws::sdk_config()
        .endpoint_url(endpoint)
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "test"));
    let timeouts = Timeouts {
        connect: Duration::from_millis(300),
        attempt: Duration::from_millis(600),
        ..Timeouts::default()
    };
    aws::connect(loader, &settings, timeouts, lookup).await
}

/// Reads the ledger at an endpoint, which must fail. Returns the cause and the text.
async fn read_error(endpoint: &str, variables: &[(&str, String)]) -> (FailureCause, String) {
    let clients = connect(endpoint, variables).await.expect("valid variables");
    let error = clients
        .store
        .get("ledger.json")
        .await
        .expect_err("no response");
    let failure = ServiceFailure::find(error.as_ref()).expect("a failed call");
    (failure.cause.clone(), display_chain(error.as_ref()))
}

#[tokio::test]
async fn run_goes_through_proxy_and_private_authority() {
    let mut env = TestEnv::failing().await;
    let tls = TlsServer::start(env.server.port()).await;
    let proxy = Proxy::start(tls.port).await;
    env.endpoint = format!("https://{TLS_HOST}");
    env.set("HTTPS_PROXY", &proxy.url);
    env.set("AWS_CA_BUNDLE", &authority());
    let response = env.run().await;
    assert_eq!(response["complete"], true);
    assert_eq!(env.digests().len(), 1);
    let requests = proxy.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request, format!("CONNECT {TLS_HOST}:443 HTTP/1.1"));
    }
}

#[tokio::test]
async fn each_variable_of_proxy_and_authority_is_used() {
    let env = TestEnv::failing().await;
    let tls = TlsServer::start(env.server.port()).await;
    let direct = format!("https://localhost:{}", tls.port);
    env.world.set_object(BUCKET, "ledger.json", "{}");
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let clients = connect(&direct, &[(name, authority())])
            .await
            .expect("valid");
        let object = clients.store.get("ledger.json").await;
        assert!(object.is_ok_and(|object| object.is_some()), "{name}");
    }
    // `AWS_CA_BUNDLE` takes precedence, and an empty variable counts as unset.
    let variables = [
        ("AWS_CA_BUNDLE", String::new()),
        ("SSL_CERT_FILE", authority()),
    ];
    let clients = connect(&direct, &variables).await.expect("valid");
    assert!(clients.store.get("ledger.json").await.is_ok());

    let proxy = Proxy::start(tls.port).await;
    let by_name = format!("https://{TLS_HOST}");
    for name in ["HTTPS_PROXY", "https_proxy"] {
        for url in [proxy.url.clone(), proxy.url.replace("http://", "")] {
            let variables = [(name, url), ("AWS_CA_BUNDLE", authority())];
            let clients = connect(&by_name, &variables).await.expect("valid");
            assert!(clients.store.get("ledger.json").await.is_ok(), "{name}");
        }
    }
    let requests = proxy.requests().len();
    for name in ["NO_PROXY", "no_proxy"] {
        let variables = [
            ("HTTPS_PROXY", proxy.url.clone()),
            (name, "example.com, localhost".to_owned()),
            ("AWS_CA_BUNDLE", authority()),
        ];
        let clients = connect(&direct, &variables).await.expect("valid");
        assert!(clients.store.get("ledger.json").await.is_ok(), "{name}");
        assert_eq!(proxy.requests().len(), requests, "{name}");
    }
    // Endpoints without TLS, such as the one for the credentials of a container, are local.
    let variables = [("HTTPS_PROXY", proxy.url.clone())];
    let clients = connect(&env.server.url(), &variables).await.expect("valid");
    assert!(clients.store.get("ledger.json").await.is_ok());
    assert_eq!(proxy.requests().len(), requests);
}

#[tokio::test]
async fn unusable_proxy_or_bundle_is_named() {
    let missing = tls_file("missing.pem").display().to_string();
    let no_certificate = tls_file("server-key.pem").display().to_string();
    for (name, value, reason) in [
        ("AWS_CA_BUNDLE", missing.as_str(), "No such file"),
        ("SSL_CERT_FILE", missing.as_str(), "No such file"),
        ("AWS_CA_BUNDLE", no_certificate.as_str(), "no certificate"),
        (
            "HTTPS_PROXY",
            "socks5://127.0.0.1:1080",
            "the URL of an HTTP proxy",
        ),
        ("https_proxy", "not a url", "the URL of an HTTP proxy"),
    ] {
        let error = connect("https://localhost", &[(name, value.to_owned())])
            .await
            .expect_err(name);
        let line = error.to_string();
        assert!(
            line.starts_with(&format!("{name} is \"{value}\"")) && line.contains(reason),
            "{line}"
        );
        assert!(line.contains("accepted:"), "{line}");
    }
    let secret = "ftp://user:secret@proxy.example.com".to_owned();
    let variables = [("HTTPS_PROXY", secret), ("AWS_CA_BUNDLE", missing.clone())];
    let error = connect("https://localhost", &variables)
        .await
        .expect_err("both");
    assert_eq!(error.0.len(), 2, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn failed_connection_names_host_and_cause() {
    let env = TestEnv::failing().await;
    let tls = TlsServer::start(env.server.port()).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    };
    let trusted = || ("AWS_CA_BUNDLE", authority());
    let proxy = |url: &str| [("HTTPS_PROXY", url.to_owned()), trusted()];
    let refusing = Proxy::refusing("403 Forbidden").await;
    let demanding = Proxy::refusing("407 Proxy Authentication Required").await;
    let name = format!("https://{TLS_HOST}");
    let tls_endpoint = format!("https://127.0.0.1:{}", tls.port);
    let own_certificate = tls_file("server.pem").display().to_string();
    let (unreachable, untrusted) = (
        FailureCause::Unreachable,
        FailureCause::UntrustedCertificate,
    );
    for (endpoint, variables, cause, text) in [
        (
            format!("http://127.0.0.1:{closed}"),
            vec![],
            &unreachable,
            format!("127.0.0.1:{closed} refused the connection"),
        ),
        (
            "http://aws.invalid".to_owned(),
            vec![],
            &unreachable,
            "the name of aws.invalid could not be resolved".to_owned(),
        ),
        (
            tls_endpoint.clone(),
            vec![("AWS_CA_BUNDLE", own_certificate)],
            &untrusted,
            format!(
                "the TLS certificate of 127.0.0.1:{} is not trusted: no trusted authority issued it",
                tls.port
            ),
        ),
        (
            format!("https://127.0.0.2:{}", tls.port),
            vec![trusted()],
            &unreachable,
            format!("127.0.0.2:{} refused the connection", tls.port),
        ),
        (
            format!("https://127.0.0.1:{}", env.server.port()),
            vec![trusted()],
            &unreachable,
            format!(
                "127.0.0.1:{} and packwatch could not agree on a TLS connection",
                env.server.port()
            ),
        ),
        (
            name.clone(),
            proxy(&refusing.url).to_vec(),
            &unreachable,
            format!("the proxy in HTTPS_PROXY refuses to connect to {TLS_HOST}"),
        ),
        (
            name.clone(),
            proxy(&demanding.url).to_vec(),
            &unreachable,
            "the proxy in HTTPS_PROXY demands a user name and a password".to_owned(),
        ),
        (
            name.clone(),
            proxy(&format!("http://127.0.0.1:{closed}")).to_vec(),
            &unreachable,
            "the proxy in HTTPS_PROXY refused the connection".to_owned(),
        ),
        (
            name.clone(),
            proxy("http://proxy.invalid:3128").to_vec(),
            &unreachable,
            "the name of the proxy in HTTPS_PROXY could not be resolved".to_owned(),
        ),
    ] {
        assert_eq!(
            read_error(&endpoint, &variables).await,
            (cause.clone(), text)
        );
    }
}

#[tokio::test]
async fn missing_credentials_are_named_by_every_call() {
    let env = TestEnv::failing().await;
    let lookup = |name: &str| env.env.get(name).cloned();
    let settings = Settings::read(lookup).expect("the settings are valid");
    let loader = aws::sdk_config()
        .endpoint_url(env.server.url())
        .credentials_provider(provide_credentials_fn(|| async {
            Err(CredentialsError::not_loaded("nothing is configured"))
        }));
    let clients = aws::connect(loader, &settings, env.timeouts, lookup)
        .await
        .expect("valid");
    let text = "no credentials were found in the environment, in a profile, or from the container or instance";
    let error = clients.store.get("ledger.json").await.expect_err("no call");
    let failure = ServiceFailure::find(error.as_ref()).expect("a failed call");
    assert_eq!(
        (&failure.cause, failure.message.as_str()),
        (&FailureCause::Credentials, text)
    );
    let gap = clients.config.identify().await.expect_err("no call");
    assert_eq!(
        (gap.code.as_str(), gap.message.as_str()),
        ("NoCredentials", text)
    );
    assert!(env.world.calls().is_empty());
}

#[tokio::test]
async fn unanswered_call_names_host_and_time() {
    let env = TestEnv::failing().await;
    let host = env.server.url().replace("http://", "");
    for (effect, text) in [
        (
            Effect::NoResponse,
            format!("{host} did not answer within 600ms"),
        ),
        (
            Effect::ResetBefore,
            format!("{host} closed the connection before it answered"),
        ),
    ] {
        env.world.fault(Fault::new(effect));
        assert_eq!(
            read_error(&env.server.url(), &[]).await,
            (FailureCause::Unreachable, text.clone())
        );
        let clients = connect(&env.server.url(), &[]).await.expect("valid");
        let gap = clients.config.identify().await.expect_err("no response");
        assert_eq!(gap.message, text);
        env.world.clear_faults();
    }
    env.world.set_object(BUCKET, "ledger.json", "{}");
    env.world.fault(Fault::new(Effect::CutOff));
    let text = "the connection ended before the whole object was read".to_owned();
    assert_eq!(
        read_error(&env.server.url(), &[]).await,
        (FailureCause::Unreachable, text)
    );
}
