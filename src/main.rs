//! The Lambda binary: connects the settings, the AWS clients and the handler.

use std::process::ExitCode;

use packwatch::aws::{self, Timeouts};
use packwatch::input::settings::Settings;
use packwatch::lambda::{self, Handler, InitError};
use packwatch::metrics::MetricsEmitter;
use packwatch::run::{RunError, ServiceSet};
use packwatch::system::{SystemClock, env_var, new_execution_id, write_stdout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::init_logging(env_var);
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            lambda::report_init_error(error, env_var).await;
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), InitError> {
    let settings = Settings::read(env_var).map_err(RunError::InvalidSettings)?;
    lambda::ensure_lambda(env_var)?;
    let clients = aws::connect(aws::sdk_config(), &settings, Timeouts::default(), env_var).await;
    let clients = clients.map_err(RunError::InvalidSettings)?;
    let services = ServiceSet {
        config: clients.config,
        store: clients.store,
        notifier: clients.notifier,
        preflight: clients.preflight,
        clock: SystemClock,
    };
    let metrics = MetricsEmitter::new(settings.metrics, env_var, write_stdout);
    let handler =
        Handler::new(settings, services, new_execution_id, Some(metrics)).deployed_as(env_var);
    handler.verify_identity().await?;
    lambda::serve(handler).await
}
