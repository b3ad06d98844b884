//! Where the snapshot is: a file, or an object in S3.

use std::path::{Path, PathBuf};

use packwatch::aws::{self, Timeouts};
use packwatch::ports::{FailureCause, ObjectStore, ServiceFailure};
use packwatch::run::RunError;
use packwatch::system::env_var;

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::input_file;

/// Name of the newest snapshot under the prefix.
const LATEST: &str = "latest.json";

/// Region of a bucket whose region nothing names. S3 answers there with the region of the bucket.
const ANY_REGION: &str = "us-east-1";

/// Where the snapshot is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A file; `-` is standard input.
    File(PathBuf),
    /// An object in S3.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The region of the bucket, if it is known.
        region: Option<String>,
    },
}

impl Location {
    /// Returns the location that the arguments name.
    pub(super) fn of(args: &StatusArgs) -> Result<Self, CliError> {
        if let Some(source) = &args.source {
            let Some(address) = source.strip_prefix("s3://") else {
                return Ok(Self::File(PathBuf::from(source)));
            };
            let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
            if bucket.is_empty() {
                return Err(CliError::NoSnapshotAddress);
            }
            return Ok(Self::Object {
                bucket: bucket.to_owned(),
                key: if key.is_empty() || key.ends_with('/') {
                    format!("{key}{LATEST}")
                } else {
                    key.to_owned()
                },
                region: None,
            });
        }
        let function = args.function_config()?;
        let lookup = |name: &str| {
            let value = match &function {
                Some(function) => function.variable(name),
                None => env_var(name),
            };
            value.filter(|value| !value.is_empty())
        };
        let bucket = lookup("SNAPSHOT_BUCKET").ok_or(CliError::NoSnapshotAddress)?;
        let prefix = lookup("SNAPSHOT_PREFIX").unwrap_or_default();
        let slash = if prefix.is_empty() || prefix.ends_with('/') {
            ""
        } else {
            "/"
        };
        Ok(Self::Object {
            bucket,
            key: format!("{prefix}{slash}{LATEST}"),
            region: function.and_then(|function| function.variable("AWS_REGION")),
        })
    }

    /// Returns the name for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => input_file::name(path),
            Self::Object { bucket, key, .. } => format!("s3://{bucket}/{key}"),
        }
    }

    /// Reads the snapshot.
    pub(super) async fn read(&self, profile: Option<&str>) -> Result<Vec<u8>, CliError> {
        match self {
            Self::File(path) => input_file::read(Path::new(path)),
            Self::Object {
                bucket,
                key,
                region,
            } => {
                let region = match region {
                    Some(region) => Some(region.clone()),
                    None => aws::resolve_region(profile, env_var)
                        .await
                        .map_err(RunError::InvalidSettings)?,
                };
                let region = region.unwrap_or_else(|| ANY_REGION.to_owned());
                let result = match read_object(profile, &region, bucket, key).await {
                    Err(error) => match named_region(&error) {
                        Some(region) => read_object(profile, &region, bucket, key).await,
                        None => Err(error),
                    },
                    result => result,
                };
                result?.ok_or_else(|| CliError::NoSnapshot { name: self.name() })
            }
        }
    }
}

/// Reads an object; `None` if it does not exist.
async fn read_object(
    profile: Option<&str>,
    region: &str,
    bucket: &str,
    key: &str,
) -> Result<Option<Vec<u8>>, CliError> {
    let loader = crate::profile::loader(profile, Some(region.to_owned())).await?;
    let target = (region, bucket.to_owned());
    let store = aws::connect_store(loader, target, Timeouts::default(), env_var)
        .await
        .map_err(RunError::InvalidSettings)?;
    let object = store.get(key).await.map_err(|source| CliError::Object {
        name: format!("s3://{bucket}/{key}"),
        source,
    })?;
    let bytes = object.map(|(body, _)| body.bytes()).transpose();
    let bytes = bytes.map_err(|source| CliError::Object {
        name: format!("s3://{bucket}/{key}"),
        source: source.into(),
    })?;
    Ok(bytes.map(Vec::from))
}

/// Returns the region of the bucket, if the error names it.
fn named_region(error: &CliError) -> Option<String> {
    let CliError::Object { source, .. } = error else {
        return None;
    };
    match &ServiceFailure::find(source.as_ref())?.cause {
        FailureCause::WrongRegion(region) => region.clone(),
        _ => None,
    }
}
