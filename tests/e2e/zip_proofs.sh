#!/usr/bin/env bash
# Verifies the zip of a release: its contents, and the binary in it against the simulated organization.
#
#     pip install -r tests/e2e/requirements.txt
#     cargo build --example simulated_org
#     tests/e2e/zip_proofs.sh ZIP ARCHITECTURE SIMULATION [--seconds N] [--through COMMAND...]
#
# The checks of the artifact, the cases of the Lambda emulator, runs over TLS, and kills, for so many
# seconds at random. COMMAND runs a binary that this machine cannot run by itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
}
[[ $# -ge 3 ]] || usage
zip=$(realpath "$1") architecture=$2 simulation=$(realpath "$3") seconds=30
shift 3
through=()
while (($#)); do
    case $1 in
    --seconds) seconds=$2 && shift 2 ;;
    --through)
        shift
        through=("$@")
        break
        ;;
    *) usage ;;
    esac
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/Function"
python3 -m zipfile -e "$zip" "$folder/Function"
# The zip has the permissions, which this way of unpacking ignores.
chmod +x "$folder/Function/bootstrap"
binary=$folder/Function/bootstrap
if ((${#through[@]})); then
    binary=$folder/packwatch-lambda
    printf '#!/bin/sh\nexec %s "$@"\n' "$(printf '"%s" ' "${through[@]}" "$folder/Function/bootstrap")" >"$binary"
    chmod +x "$binary"
fi

echo "$(basename "$zip"): $(sha256sum "$zip" | cut -d ' ' -f 1)"
python3 tests/e2e/artifact.py "$folder" --architecture "$architecture"
python3 tests/e2e/lambda_rie.py "$binary" "$simulation"
python3 tests/e2e/tls_test.py "$binary" "$simulation"
python3 tests/e2e/crash_test.py "$binary" "$simulation" --seconds "$seconds"
