#!/usr/bin/env python3
"""Prints the notes of a release: the changes of its version, and how to verify its files.

    python3 tools/release_notes.py --repository OWNER/NAME --version 0.1.0
    python3 tools/release_notes.py --repository OWNER/NAME --tag v0.1.0

The changes are the section of the version in CHANGELOG.md. A version without a section, an empty
section, and a tag that is not the version of Cargo.toml are errors. `--section Unreleased` takes that
section instead, to see what the notes of the next release would be.
"""

import argparse
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERIFY = """## Verify

```sh
sha256sum --check --ignore-missing SHA256SUMS
gh attestation verify packwatch-{version}-arm64.zip --repo {repository} \\
  --signer-workflow {repository}/.github/workflows/release.yml --source-ref refs/tags/v{version}
gh attestation verify packwatch-{version}-arm64.zip --repo {repository} --predicate-type https://cyclonedx.org/bom
```

The second command shows that the workflow of this repository built the file from this tag. It works
for each file. The third shows its bill of materials, which each zip and each archive of the CLI has.
A release has no folders: `reader.yaml` is `roles/reader.yaml`.
"""


def section(changelog: str, name: str) -> str:
    """Returns the text below a heading of the second level, such as `## 0.1.0 - 2026-03-01`."""
    parts = re.split(r"^## (.*)$", changelog, flags=re.MULTILINE)
    found = {title.split()[0].strip("[]"): text.strip() for title, text in zip(parts[1::2], parts[2::2])}
    if not found.get(name):
        raise SystemExit(f"CHANGELOG.md has no section {name} with changes; it has {', '.join(found) or 'none'}")
    return found[name]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", required=True, help="OWNER/NAME on GitHub")
    version = parser.add_mutually_exclusive_group(required=True)
    version.add_argument("--version", help="version without the v of its tag")
    version.add_argument("--tag", help="tag, which must be v and the version of Cargo.toml")
    parser.add_argument("--section", help="section of CHANGELOG.md, by default that of the version")
    args = parser.parse_args()
    version = args.version or args.tag.removeprefix("v")
    declared = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    if args.tag and args.tag != f"v{declared}":
        sys.exit(f"the tag is {args.tag}, but Cargo.toml has the version {declared}")
    changes = section((ROOT / "CHANGELOG.md").read_text(), args.section or version)
    print(changes, VERIFY.format(version=version, repository=args.repository), sep="\n\n", end="")


if __name__ == "__main__":
    main()
