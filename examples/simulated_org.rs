//! Serves a simulated AWS organization, to try packwatch without AWS:
//! `cargo run --example simulated_org -- --help`.

fn main() -> std::process::ExitCode {
    packwatch_simulation::cli::main()
}
