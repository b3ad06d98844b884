#!/usr/bin/env bash
# Makes one release of the releases that were built for each architecture.
#
#     tools/assemble_release.sh DOCUMENTATION_URL OUT BUILT...
#
# DOCUMENTATION_URL ends in / and is where alarms link to: the repository at the tag of the release.
# BUILT are folders of tools/release.py, one for each architecture. Nothing is built: the binaries are
# taken out of the archives, and tools/release.py packs them again. So every file is the same as the one
# that was verified, which this script checks, and SHA256SUMS has all of them.
set -euo pipefail
[[ $# -ge 3 ]] || {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
}
root=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
documentation_url=$1
out=$(realpath -m "$2")
shift 2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
architectures=() options=()
for built in "$@"; do
    for zip in "$built"/packwatch-*.zip; do
        name=$(basename "$zip" .zip)
        architecture=${name##*-}
        version=${name#packwatch-} version=${version%-"$architecture"}
        unpacked=$folder/$architecture
        mkdir -p "$unpacked/cli"
        python3 -m zipfile -e "$zip" "$unpacked"
        tar --extract --gzip --strip-components 1 --directory "$unpacked/cli" \
            --file "$built/packwatch-cli-$version-$architecture.tar.gz"
        architectures+=("$architecture")
        options+=(--bootstrap "$architecture=$unpacked/bootstrap" --cli "$architecture=$unpacked/cli/packwatch")
    done
done
python3 "$root/tools/release.py" --out "$out" --version "$version" --documentation-url "$documentation_url" \
    --arch "$(IFS=, && echo "${architectures[*]}")" "${options[@]}"
for built in "$@"; do
    for file in "$built"/packwatch-*.zip "$built"/packwatch-cli-*.tar.gz; do
        cmp "$file" "$out/$(basename "$file")"
    done
done
(cd "$out" && sha256sum --check --quiet SHA256SUMS)
echo "The release of ${architectures[*]} has the files that were verified"
