#!/usr/bin/env python3
"""Makes the files of a release.

    pip install -r tests/e2e/requirements.txt
    python tools/release.py --out dist

packwatch-VERSION-ARCH.zip          the function, for Lambda
packwatch-VERSION-ARCH.json         the CloudFormation template that deploys the zip beside it
packwatch-cli-VERSION-ARCH.tar.gz   the command `packwatch`, for Linux
packwatch-terraform-VERSION.tar.gz  the Terraform module
packwatch-VERSION.cdx.json          the software bill of materials, in CycloneDX
roles/reader.yaml                   the role for other accounts that deploy packs
SHA256SUMS                          the checksums of all of them

Identical binaries produce identical files. The time in archives is SOURCE_DATE_EPOCH, or a constant.

A binary that is not given is built with the build command, in which {package}, {binary}, {arch} (of
Lambda) and {target} (of Rust) are replaced. It writes the binary to {folder}/bootstrap.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
try:
    from bundle import template
except ModuleNotFoundError as error:
    sys.exit(f"{error}: pip install -r tests/e2e/requirements.txt, and run this with that Python")
from bundle.archive import write_tar_gz, write_zip  # noqa: E402
from bundle.binaries import ARCHITECTURES, BUILD_COMMAND, CLI, FUNCTION, WrongArchitecture, build, read  # noqa: E402
from bundle.checksums import write_checksums  # noqa: E402
from bundle.sbom import bill_of_materials  # noqa: E402
from bundle.terraform_module import terraform_module  # noqa: E402
from bundle.version import cargo_version  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the release")
    parser.add_argument("--arch", type=architectures, default=sorted(ARCHITECTURES), help="default: x86_64,arm64")
    parser.add_argument("--version", help="version in names, by default that of Cargo.toml")
    given = {"action": "append", "type": given_binary, "default": [], "metavar": "ARCH=PATH"}
    parser.add_argument("--bootstrap", help="the function, built for an architecture", **given)
    parser.add_argument("--cli", help="the command packwatch, built for an architecture", **given)
    parser.add_argument("--build-command", default=BUILD_COMMAND, help="builds a binary; default: %(default)s")
    parser.add_argument("--documentation-url", default="", help="default of the parameter DocumentationUrl")
    return parser.parse_args()


def architectures(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - ARCHITECTURES.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(sorted(ARCHITECTURES))}")
    return sorted(set(names))


def given_binary(text: str) -> tuple[str, pathlib.Path]:
    architecture, _, path = text.partition("=")
    if architecture not in ARCHITECTURES or not pathlib.Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{text} is not an architecture and a file, such as arm64=bootstrap")
    return architecture, pathlib.Path(path)


def binary(args: argparse.Namespace, program: tuple[str, str], given: dict, architecture: str) -> bytes:
    if architecture in given:
        return read(given[architecture], architecture)
    with tempfile.TemporaryDirectory() as folder:
        return build(args.build_command, program, architecture, ROOT, pathlib.Path(folder) / architecture)


def make(args: argparse.Namespace, version: str) -> list[pathlib.Path]:
    """Makes the files, and returns their paths."""
    files = []

    def file(name: str) -> pathlib.Path:
        path = args.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(path)
        return path

    for architecture in args.arch:
        name = f"packwatch-{version}-{architecture}"
        function = binary(args, FUNCTION, dict(args.bootstrap), architecture)
        write_zip(file(f"{name}.zip"), {"bootstrap": (function, 0o755)})
        flat = template.flat(ROOT / "template.yaml", version, architecture, f"{name}.zip", args.documentation_url)
        template.write(file(f"{name}.json"), flat)
        cli = f"packwatch-cli-{version}-{architecture}"
        content = {
            f"{cli}/packwatch": (binary(args, CLI, dict(args.cli), architecture), 0o755),
            f"{cli}/LICENSE": ((ROOT / "LICENSE").read_bytes(), 0o644),
        }
        write_tar_gz(file(f"{cli}.tar.gz"), content)
    module = f"packwatch-terraform-{version}"
    write_tar_gz(file(f"{module}.tar.gz"), terraform_module(ROOT, module))
    materials = bill_of_materials(ROOT, version, args.arch)
    file(f"packwatch-{version}.cdx.json").write_text(json.dumps(materials, indent=1) + "\n")
    shutil.copyfile(ROOT / "roles/reader.yaml", file("roles/reader.yaml"))
    write_checksums(args.out, files)
    return [*files, args.out / "SHA256SUMS"]


def main():
    args = arguments()
    # cargo-lambda may be installed beside this Python.
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    declared = cargo_version(ROOT)
    version = args.version or declared
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+-]*", version):
        sys.exit(f"{version!r} is not a version")
    if version != declared:
        print(f"warning: the files are named {version}, but Cargo.toml says {declared}", file=sys.stderr)
    try:
        files = make(args, version)
    except (WrongArchitecture, template.InvalidDocumentationUrl) as error:
        sys.exit(str(error))
    for path in files:
        print(f"{path.stat().st_size:>11,}  {path}")


if __name__ == "__main__":
    main()
