# Recipes for daily work. `just` without arguments lists them.

target_dir := env("CARGO_TARGET_DIR", "target")
venv := target_dir / "ci-venv"

[private]
default:
    @just --list

# Run the fast tests (needs cargo-nextest)
test-fast:
    cargo nextest run --profile fast

# Run all tests of the function and the CLI
test:
    cargo test

# Run every check that a change must pass
gate:
    .ci/run

# Run the proofs that take too long for every change: `terraform`, `arm64`, or both
nightly *proofs:
    .ci/nightly {{ proofs }}

# Write the tables of terraform/README.md and terraform/texts.tf again
terraform-docs: python-packages
    {{ venv }}/bin/python tools/terraform_docs.py

# Print the digests of a simulated day
demo:
    cargo run --example demo

# Write the golden files again after an intended change
golden:
    INSTA_UPDATE=always cargo test --test it -- golden situations preflight error_texts schemas
    INSTA_UPDATE=always cargo test --package packwatch-cli

# Measure the pure parts, and the release binary beside boto3
bench: python-packages
    cargo bench --bench core
    cargo build --release -p packwatch
    cargo build --release --example simulated_org
    {{ venv }}/bin/python benches/compare.py {{ target_dir }}/release/packwatch-lambda {{ target_dir }}/release/examples/simulated_org

# Fuzz `ledger`, `event` or `settings` (needs a nightly toolchain and cargo-fuzz)
fuzz target seconds:
    cargo +nightly fuzz run {{ target }} --sanitizer none -- -max_total_time={{ seconds }}

[private]
python-packages:
    python3 -m venv {{ venv }}
    {{ venv }}/bin/pip install --quiet --requirement tests/e2e/requirements.txt
