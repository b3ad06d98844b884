//! The AWS profile.

use aws_config::ConfigLoader;
use packwatch::aws;
use packwatch::system::env_var;

use crate::error::CliError;

/// Returns the loader of the SDK's configuration, with the credentials of the profile if one is
/// given.
pub(crate) async fn loader(
    profile: Option<&str>,
    region: Option<String>,
) -> Result<ConfigLoader, CliError> {
    match profile {
        Some(name) => aws::sdk_config_for_profile(name, region, env_var)
            .await
            .map_err(|source| CliError::Profile {
                name: name.to_owned(),
                source,
            }),
        None => Ok(aws::sdk_config()),
    }
}
