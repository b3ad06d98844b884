//! Words for calls that got no response: the chain of causes in an error of the SDK ends in the
//! error of a connection, of TLS, of the name lookup or of a credentials provider.

use std::error::Error;
use std::io::{self, ErrorKind};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::error::ErrorMetadata;
use rustls::CertificateError;

use super::response_text::single_line;
use crate::ports::FailureCause;

/// Describes a call to `host` that got no response.
pub(super) fn describe(error: &(dyn Error + 'static), host: &str) -> (FailureCause, String) {
    if let Some(credentials) = chain(error).find_map(|error| error.downcast_ref()) {
        return (FailureCause::Credentials, describe_credentials(credentials));
    }
    let texts: Vec<_> = chain(error).map(ToString::to_string).collect();
    if let Some(time) = find_after(&texts, "identity resolver timed out after ") {
        let message = format!("the credentials were not loaded within {time}");
        return (FailureCause::Credentials, message);
    }
    if let Some(tls) = chain(error).find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return describe_tls(tls, host);
    }
    (
        FailureCause::Unreachable,
        describe_connection(error, &texts, host),
    )
}

/// Describes an attempt that took too long.
pub(super) fn describe_timeout(error: &(dyn Error + 'static), host: &str) -> String {
    let texts: Vec<_> = chain(error).map(ToString::to_string).collect();
    match find_after(&texts, " occurred after ") {
        Some(time) => format!("{host} did not answer within {time}"),
        None => format!("{host} did not answer in time"),
    }
}

/// Returns the text of the last cause in the chain of an error, in one line.
pub(super) fn last_cause(error: &(dyn Error + 'static)) -> String {
    let texts = chain(error).map(ToString::to_string);
    let last = texts.filter(|text| !text.trim().is_empty()).last();
    single_line(&last.unwrap_or_default())
}

/// Returns an error and its causes. The payload of an [`io::Error`] is one of them, although
/// [`Error::source`] skips it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io
                .get_ref()
                .map(|payload| payload as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// Returns what follows `marker` in the first text that contains it.
fn find_after<'a>(texts: &'a [String], marker: &str) -> Option<&'a str> {
    texts
        .iter()
        .find_map(|text| text.split_once(marker))
        .map(|(_, after)| after)
}

/// Describes why no credentials were loaded. A role that could not be assumed is described by the
/// caller, by the response of STS.
fn describe_credentials(error: &CredentialsError) -> String {
    let metadata = chain(error).find_map(|error| error.downcast_ref::<ErrorMetadata>());
    let reason = match metadata.and_then(|metadata| Some((metadata.code()?, metadata.message()))) {
        Some((code, message)) => format!("{code}: {}", message.unwrap_or("AWS gave no reason")),
        None => last_cause(error),
    };
    match error {
        CredentialsError::CredentialsNotLoaded(_) => match undefined_profile(&reason) {
            Some(profile) => format!("the profile {profile} is not defined"),
            None => {
                "no credentials were found in the environment, in a profile, or from the container or instance"
                    .to_owned()
            }
        },
        CredentialsError::ProviderTimedOut(details) => format!(
            "the credentials were not loaded within {} s",
            details.timeout_duration().as_secs()
        ),
        CredentialsError::InvalidConfiguration(_) => {
            format!("the configuration of the credentials is invalid: {reason}")
        }
        _ => format!("the credentials could not be loaded: {reason}"),
    }
}

/// Returns the name of the profile that the SDK reports as undefined. The report is a part of the
/// text about all places in which the SDK looked for credentials.
fn undefined_profile(text: &str) -> Option<&str> {
    let (before, _) = text.split_once("` was not defined")?;
    Some(before.rsplit_once("profile `")?.1)
}

fn describe_tls(error: &rustls::Error, host: &str) -> (FailureCause, String) {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        let message = format!("{host} and packwatch could not agree on a TLS connection");
        return (FailureCause::Unreachable, message);
    };
    let reason = match certificate {
        CertificateError::UnknownIssuer => "no trusted authority issued it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it is expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Revoked => "it is revoked",
        _ => "it is malformed or of an unsupported kind",
    };
    let message = format!("the TLS certificate of {host} is not trusted: {reason}");
    (FailureCause::UntrustedCertificate, message)
}

/// Describes a connection that could not be opened, or that ended before the response. `texts` are
/// those of the chain of `error`.
fn describe_connection(error: &(dyn Error + 'static), texts: &[String], host: &str) -> String {
    const PROXY: &str = "the proxy in HTTPS_PROXY";
    // The connection to a proxy that opens the one to the host.
    let tunnel = find_after(texts, "tunnel error: ");
    match tunnel {
        Some("unsuccessful") => return format!("{PROXY} refuses to connect to {host}"),
        Some("proxy authorization required") => {
            return format!("{PROXY} demands a user name and a password");
        }
        _ => {}
    }
    let peer = if tunnel.is_some() { PROXY } else { host };
    if let Some(time) = find_after(texts, " timeout occurred after ") {
        return format!("there was no connection to {peer} within {time}");
    }
    let is_lookup = |text: &String| {
        text == "dns error" || text.starts_with("failed to lookup address information")
    };
    if texts.iter().any(is_lookup) {
        return format!("the name of {peer} could not be resolved");
    }
    let kind = chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .last();
    match kind {
        Some(ErrorKind::ConnectionRefused) => format!("{peer} refused the connection"),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => {
            format!("{peer} closed the connection before it answered")
        }
        Some(
            ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable,
        ) => format!("there is no route to {peer}"),
        _ if find_after(texts, "connection closed before message completed").is_some() => {
            format!("{peer} closed the connection before it answered")
        }
        _ => format!("the connection to {peer} failed: {}", last_cause(error)),
    }
}
