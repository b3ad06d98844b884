//! The Lambda binary: wiring without a decision.

use std::process::ExitCode;

use packwatch::aws;
use packwatch::error::RunError;
use packwatch::handler::Function;
use packwatch::input::settings::Settings;
use packwatch::pipeline::Ports;
use packwatch::ports::Clock;
use packwatch::startup::{self, StartUp};
use packwatch::telemetry::Meter;

/// The clock of this machine, to the millisecond.
struct Wall;

impl Clock for Wall {
    #[expect(clippy::disallowed_methods, reason = "the clock enters here")]
    fn now(&self) -> jiff::Timestamp {
        let now = jiff::Timestamp::now();
        jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::log(environment);
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            startup::report(error, environment).await;
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), StartUp> {
    let settings = Settings::read(environment).map_err(RunError::InvalidSettings)?;
    startup::in_lambda(environment)?;
    let aws = aws::connect(
        aws::sdk_config(),
        &settings,
        aws::Timeouts::default(),
        environment,
    )
    .await;
    let ports = Ports {
        source: aws.statuses,
        archive: aws.archive,
        notifier: aws.notifier,
        clock: Wall,
    };
    let function = Function::new(settings, ports, token, Some(Meter::new(environment, line)));
    function.check().await?;
    startup::serve(function).await
}

#[expect(clippy::disallowed_methods, reason = "the environment enters here")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(
    clippy::print_stdout,
    reason = "what a function writes there is its log"
)]
fn line(text: &str) {
    print!("{text}");
}

#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
