//! `packwatch run` and `packwatch check`: one invocation of the function, outside Lambda.

use jiff::SignedDuration;
use lambda_runtime::Context;
use packwatch::aws::{self, Timeouts};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::report::Response;
use packwatch::run::{RunError, ServiceSet};
use packwatch::system::{SystemClock, env_var, new_execution_id};

use crate::args::RunArgs;
use crate::error::CliError;
use crate::output;
use crate::profile;
use crate::progress::ProgressConfigApi;
use crate::recording_notifier::RecordingNotifier;

/// Time limit of a run: the maximum timeout of a Lambda function.
const RUN_TIME: SignedDuration = SignedDuration::from_mins(15);

/// Invokes the function with an event and prints the response.
pub(crate) async fn run(args: &RunArgs, event: &[u8]) -> Result<Response, CliError> {
    let function_config = args.function_config()?;
    // Outside Lambda, `AWS_REGION` is often unset, and the region comes from the profile.
    let region = aws::resolve_region(args.profile.as_deref(), env_var)
        .await
        .map_err(RunError::InvalidSettings)?;
    let lookup = |name: &str| match (&function_config, name) {
        (Some(function), name) => function.variable(name),
        (None, "AWS_REGION") => region.clone(),
        (None, name) => env_var(name),
    };
    let settings = Settings::read(lookup).map_err(RunError::InvalidSettings)?;
    let loader = profile::loader(args.profile.as_deref(), region.clone()).await?;
    let aws = aws::connect(loader, &settings, Timeouts::default(), env_var)
        .await
        .map_err(RunError::InvalidSettings)?;
    if let Some(function) = &function_config {
        function.ensure_same_account(&settings, &aws.config).await?;
    }
    let services = ServiceSet {
        config: ProgressConfigApi::new(aws.config, args.quiet),
        store: aws.store,
        notifier: RecordingNotifier::new(aws.notifier),
        preflight: aws.preflight,
        clock: SystemClock,
    };
    let handler = Handler::new(settings, services, new_execution_id, None);
    let handler = if args.commit {
        handler
    } else {
        handler.force_dry_run()
    };
    handler.verify_identity().await?;
    let mut context = Context::default();
    context.request_id = format!("manual-{}", new_execution_id());
    context.deadline = (SystemClock.now() + RUN_TIME)
        .as_millisecond()
        .unsigned_abs();
    let result = handler.invoke(event, context).await;
    let ServiceSet {
        config, notifier, ..
    } = handler.services();
    let stats = config.finish();
    let response = result?;
    let shows_gaps = match &response {
        Response::Run(run) if !args.json => output::digest(run, notifier.text().as_deref())?,
        Response::Checked(checked) if !args.json => {
            output::checks(checked)?;
            false
        }
        _ => {
            output::json(&response)?;
            false
        }
    };
    if let Response::Run(run) = &response
        && !args.quiet
    {
        if !shows_gaps {
            output::failed_reads(&stats);
        }
        output::summary(run, &stats, args.commit);
    }
    Ok(response)
}
