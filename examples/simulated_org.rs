//! A simulated organization to try packwatch against: `cargo run --example organization -- --help`.

fn main() -> std::process::ExitCode {
    packwatch_simulation::cli::main()
}
