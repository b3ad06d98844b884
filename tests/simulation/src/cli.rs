//! Command-line program that serves a simulated organization.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use crate::http::server::Server;
use crate::organization::Organization;

const USAGE: &str =
    "Usage: simulated_org [--address IP] [--port N] [--world FILE] [--port-file FILE]

Serves a simulated AWS organization until the process is stopped.

Options:
  --address IP      Listen address [default: 127.0.0.1]
  --port N          Listen port [default: any free port]
  --world FILE      JSON document that describes the organization
                    [default: an empty organization of account 111122223333]
  --port-file FILE  File to write the port to once the server listens
  --help            Print this help";

struct Options {
    address: IpAddr,
    port: u16,
    world: Option<PathBuf>,
    port_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            world: None,
            port_file: None,
        }
    }
}

/// Runs the program with the command-line arguments of this process.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let Some(options) = parse(env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    let organization = match &options.world {
        None => Organization::new("111122223333"),
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Organization::from_json(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(serve(&organization, &options))
}

async fn serve(organization: &Organization, options: &Options) -> Result<(), String> {
    let address = SocketAddr::new(options.address, options.port);
    let server = Server::start_on(organization, address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    if let Some(path) = &options.port_file {
        // Renamed into place, so that a process that polls the file never reads a partial number.
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, server.port().to_string())
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("{}", server.url());
    std::future::pending().await
}

/// Parses the arguments. Returns `None` for `--help`.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        if argument == "--help" {
            return Ok(None);
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{argument}: missing value\n{USAGE}"));
        match argument.as_str() {
            "--address" => {
                options.address = value?
                    .parse()
                    .map_err(|error| format!("--address: {error}\n{USAGE}"))?;
            }
            "--port" => {
                options.port = value?
                    .parse()
                    .map_err(|error| format!("--port: {error}\n{USAGE}"))?;
            }
            "--world" => options.world = Some(value?.into()),
            "--port-file" => options.port_file = Some(value?.into()),
            _ => return Err(format!("{argument}: unknown option\n{USAGE}")),
        }
    }
    Ok(Some(options))
}
