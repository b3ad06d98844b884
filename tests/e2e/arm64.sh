#!/usr/bin/env bash
# Builds the release for arm64 on an x86-64 Debian machine, and runs it under qemu-user.
#
#     python3 -m venv VENV && VENV/bin/pip install -r tests/e2e/requirements.txt
#     cargo build --example simulated_org
#     tests/e2e/arm64.sh VENV [--zip FILE] [--required]
#
# The function is built with `sam build` and the compiler that rust-toolchain.toml pins, packed with
# tools/release.py, and taken out of the zip again. On that binary run: the checks of the artifact,
# the cases of the Lambda emulator, 30 seconds of kills, and runs over TLS, which use the assembly of
# ring. With --zip nothing is built, and the zip of a release is verified.
#
# The standard library for arm64 is built from its source in Debian's package rust-src, which must have
# exactly the version of the compiler; no toolchain is downloaded. Where Debian has no such package the
# script says so and ends with 0, unless --required is given. It needs 2 GB in target/ and 5 minutes.
#
# Not verified: time and memory, which mean nothing under qemu; `sam local invoke`; the bytes of the
# zip, because the official standard library is another build of the same source.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

zip= required=
usage() {
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
}
[[ $# -ge 1 && $1 != -* ]] || usage
venv=$(realpath "$1")
shift
while (($#)); do
    case $1 in
    --zip) zip=$(realpath "$2") && shift 2 ;;
    --required) required=yes && shift ;;
    *) usage ;;
    esac
done

# skip REASON: ends, with success unless the proof is required.
skip() {
    echo "!!! SKIPPED: $1"
    echo "!!! Nothing has verified the artifact for arm64."
    [[ -z $required ]] || exit 1
    exit 0
}

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
simulation=$target/debug/examples/simulated_org
folder=$target/arm64
version=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ $(uname -m) == x86_64 ]] || skip "this is not an x86-64 machine; on arm64, verify_artifact.py verifies the artifact"
[[ -e $keyring ]] || skip "this is not Debian, so it lacks the key of Debian's packages"
[[ -x $simulation ]] || { echo "$simulation does not exist: cargo build --example simulated_org"; exit 1; }

# The copy of the toolchain has hard links to the original, which rustup may change in place: it must not
# stay. Cargo's own folder stays, for the next build.
cleanup() {
    rm -rf "$folder"/{apt,bin,packages,root,std,toolchain}
}
trap cleanup EXIT
cleanup
mkdir -p "$folder"/{apt/lists,apt/cache,bin,packages,root}

# The installed packages of this machine do not count, and nothing is installed: installing qemu would
# register handlers in the kernel.
: >"$folder/apt/status"
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?$' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 || true)
printf "deb [signed-by=$keyring] ${mirror:-http://deb.debian.org/debian} %s main\n" bookworm trixie-backports >"$folder/apt/sources"
apt=(-qq -o Dir::Etc::sourcelist="$folder/apt/sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/apt/lists"
    -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/cache" -o APT::Architecture=amd64
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update
packages=(qemu-user-static/bookworm libc6:arm64/bookworm libgcc-s1:arm64/bookworm)
if [[ -z $zip ]]; then
    source=$(apt-cache "${apt[@]}" madison rust-src | awk -v version="$version+" 'index($3, version) == 1 && !found++ { print $3 }')
    [[ -n $source ]] || skip "Debian has no rust-src $version any more; pin a version in rust-toolchain.toml that it has"
    packages+=("rust-src=$source")
fi
(cd "$folder/packages" && apt-get "${apt[@]}" download "${packages[@]}")
for package in "$folder"/packages/*.deb; do
    dpkg -x "$package" "$folder/root"
done

if [[ -z $zip ]]; then
    library=$folder/root/usr/src/rustc-$version/library
    # Without the shared library, std needs no linker for arm64.
    sed -i 's/^crate-type = \["dylib", "rlib"\]/crate-type = ["rlib"]/' "$library/std/Cargo.toml"
    toolchain=$(readlink -f "$(rustc --print sysroot)")
    cp -al "$toolchain" "$folder/toolchain" 2>/dev/null || cp -a "$toolchain" "$folder/toolchain"
    echo "Building the standard library $version for arm64 from $source"
    (cd "$library" && RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zforce-unstable-if-unmarked CARGO_TARGET_DIR=$folder/std RUSTUP_TOOLCHAIN=$folder/toolchain \
        cargo build --quiet --locked --profile dist --target aarch64-unknown-linux-gnu --package sysroot --features backtrace)
    install -D --mode 644 --target-directory "$folder/toolchain/lib/rustlib/aarch64-unknown-linux-gnu/lib" \
        "$folder"/std/aarch64-unknown-linux-gnu/dist/deps/*.rlib
    # cargo-lambda asks rustup for the target, and would download it.
    printf '#!/bin/sh\necho aarch64-unknown-linux-gnu\n' >"$folder/bin/rustup"
    chmod +x "$folder/bin/rustup"

    build=(env "PATH=$folder/bin:$venv/bin:$PATH" "RUSTUP_TOOLCHAIN=$folder/toolchain" "CARGO_TARGET_DIR=$folder/target" SAM_CLI_TELEMETRY=0)
    "${build[@]}" sam build --build-dir "$folder/built" --parameter-overrides Architecture=arm64
    rm -rf "$folder/dist"
    "${build[@]}" "$venv/bin/python" tools/release.py --out "$folder/dist" --arch arm64 \
        --bootstrap "arm64=$folder/built/Function/bootstrap"
    zip=$(echo "$folder"/dist/packwatch-*-arm64.zip)
fi

# Lambda's arm64 is Graviton2. A newer processor would run instructions that it lacks.
PATH=$venv/bin:$PATH tests/e2e/zip_proofs.sh "$zip" arm64 "$simulation" --seconds 30 \
    --through "$folder/root/usr/bin/qemu-aarch64-static" -cpu neoverse-n1 -L "$folder/root"
echo "The artifact for arm64 passed, in $SECONDS s"
