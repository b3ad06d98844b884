//! The HTTP client that all AWS clients share, with the proxy and the certificate authorities of
//! the environment. The SDK for Rust reads neither by itself.

use aws_sdk_config::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::input::settings::InvalidSettings;

const PROXY: &str = "the URL of an HTTP proxy such as http://proxy.example.com:3128";

const CA_BUNDLE: &str = "the path of a file with certificates in PEM format";

/// Creates the HTTP client. `lookup` returns the value of an environment variable:
///
/// * `HTTPS_PROXY`, or else `https_proxy`: the proxy for all calls to HTTPS endpoints, except to
///   the hosts in `NO_PROXY` or `no_proxy`
/// * `AWS_CA_BUNDLE`, or else `SSL_CERT_FILE`: a file with the only certificate authorities to
///   trust
///
/// An empty variable counts as unset. The error names each variable that cannot be used.
pub(super) fn http_client(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<SharedHttpClient, InvalidSettings> {
    let (proxy, trust_store) = match (proxy(&lookup), trust_store(&lookup)) {
        (Ok(proxy), Ok(trust_store)) => (proxy, trust_store),
        (proxy, trust_store) => {
            let errors = [proxy.err(), trust_store.err()];
            return Err(InvalidSettings(errors.into_iter().flatten().collect()));
        }
    };
    let tls_context = TlsContext::builder().with_trust_store(trust_store).build();
    let tls_context = tls_context.unwrap_or_else(|_| unreachable!("the builder checks nothing"));
    // The builder itself takes no proxy.
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder()
                .tls_provider(tls::Provider::Rustls(
                    tls::rustls_provider::CryptoMode::Ring,
                ))
                .tls_context(tls_context.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_proxy_config(proxy.clone());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.build()
        }),
    )
}

/// Returns the first variable of `names` that is set, with its value.
fn first_set<'a>(
    names: [&'a str; 2],
    lookup: &impl Fn(&str) -> Option<String>,
) -> Option<(&'a str, String)> {
    names.into_iter().find_map(|name| {
        let value = lookup(name)?.trim().to_owned();
        (!value.is_empty()).then_some((name, value))
    })
}

fn proxy(lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<ProxyConfig>, String> {
    let Some((name, value)) = first_set(["HTTPS_PROXY", "https_proxy"], lookup) else {
        return Ok(None);
    };
    // Like other programs, accepts `host:port`.
    let url = if value.contains("://") {
        value.clone()
    } else {
        format!("http://{value}")
    };
    let proxy = ProxyConfig::https(url).map_err(|_| {
        // The part before `@` is a user name and a password.
        let shown = value
            .rsplit_once('@')
            .map_or(value.as_str(), |(_, host)| host);
        format!("{name} is {shown:?}; accepted: {PROXY}")
    })?;
    Ok(Some(match first_set(["NO_PROXY", "no_proxy"], lookup) {
        Some((_, hosts)) => proxy.no_proxy(hosts),
        None => proxy,
    }))
}

fn trust_store(lookup: &impl Fn(&str) -> Option<String>) -> Result<TrustStore, String> {
    let Some((name, path)) = first_set(["AWS_CA_BUNDLE", "SSL_CERT_FILE"], lookup) else {
        return Ok(TrustStore::default());
    };
    let invalid = |reason: &str| format!("{name} is {path:?} ({reason}); accepted: {CA_BUNDLE}");
    let pem = std::fs::read(&path).map_err(|error| invalid(&error.to_string()))?;
    let certificates = usable_certificates(&String::from_utf8_lossy(&pem));
    if certificates.is_empty() {
        return Err(invalid("the file has no certificate that can be used"));
    }
    Ok(TrustStore::empty().with_pem_certificate(certificates))
}

/// Returns the certificates of a bundle that rustls accepts, in PEM format. The HTTP client panics
/// on any other, and a bundle of a company can contain some.
fn usable_certificates(pem: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut usable = String::new();
    for block in pem.split(BEGIN).skip(1) {
        let Some((content, _)) = block.split_once(END) else {
            continue;
        };
        let block = format!("{BEGIN}{content}{END}\n");
        let certificate = CertificateDer::from_pem_slice(block.as_bytes());
        if certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok()) {
            usable.push_str(&block);
        }
    }
    usable
}
