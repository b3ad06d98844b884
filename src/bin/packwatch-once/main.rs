//! packwatch by hand: one event, outside Lambda, with the user's own AWS profile. Wiring; what it
//! decides is in its rooms.

mod arguments;
mod deployed;
mod overheard;
mod page;
mod progress;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, Timeouts};
use packwatch::error::RunError;
use packwatch::handler::Function;
use packwatch::input::settings::Settings;
use packwatch::pipeline::Ports;
use packwatch::ports::Clock;

use arguments::Arguments;
use overheard::Overheard;
use progress::Progress;

/// The clock of this machine, to the millisecond.
struct Wall;

impl Clock for Wall {
    #[expect(clippy::disallowed_methods, reason = "the clock enters here")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// As long as Lambda would give it at most.
const TIME: SignedDuration = SignedDuration::from_mins(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            page::failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), page::Failure> {
    let event = arguments.event()?;
    let deployed = arguments.deployed()?;
    // Outside Lambda the region is usually the profile's.
    let region = aws::resolve_region(arguments.profile.as_deref()).await;
    let lookup = |name: &str| match (&deployed, name) {
        (Some(deployed), name) => deployed.variable(name),
        (None, "AWS_REGION") => region.clone(),
        (None, name) => environment(name),
    };
    let settings = Settings::read(lookup).map_err(RunError::InvalidSettings)?;
    let loader = match &arguments.profile {
        Some(name) => aws::sdk_config_for_profile(name, region.clone())
            .await
            .map_err(|source| page::Failure::Profile {
                name: name.clone(),
                source,
            })?,
        None => aws::sdk_config(),
    };
    let aws = aws::connect(loader, &settings, Timeouts::default(), environment).await;
    if let Some(deployed) = &deployed {
        deployed.admit(&settings, &aws.statuses).await?;
    }
    let source = Progress::new(aws.statuses);
    let ports = Ports {
        source,
        archive: aws.archive,
        notifier: Overheard::new(aws.notifier),
        clock: Wall,
    };
    let function = Function::new(settings, ports, token, None);
    let function = if arguments.commit {
        function
    } else {
        function.dry()
    };
    function.check().await?;
    let mut context = Context::default();
    context.request_id = format!("by-hand-{}", token());
    context.deadline = (Wall.now() + TIME).as_millisecond().unsigned_abs();
    let result = function.invoke(&event.to_string(), context).await;
    let Ports {
        source, notifier, ..
    } = function.ports();
    let seen = source.end();
    let report = result?;
    if arguments.json {
        page::json(&report)?;
    } else {
        page::digest(&report, notifier.text().as_deref());
    }
    page::summary(&report, &seen, arguments.commit);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the environment enters here")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
