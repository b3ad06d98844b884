#!/usr/bin/env python3
"""Makes a release twice from the same binaries, and verifies its files.

    cargo build --release -p packwatch
    cargo build -p packwatch-cli
    python tests/e2e/release_test.py target/release/packwatch-lambda target/debug/packwatch --out dist

The second release is made in another folder, time zone and umask, and must have the same bytes.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cyclonedx.schema import SchemaVersion  # noqa: E402
from cyclonedx.validation.json import JsonStrictValidator  # noqa: E402
from sam_transform import ROOT, TEMPLATE, Resolved, transformed_template  # noqa: E402

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[ARCHITECTURE]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
NAME = f"packwatch-{VERSION}-{ARCHITECTURE}"
# The AWS CLI uploads the template with the code, so that a larger one would do too. A small one also fits
# into a call.
MAX_TEMPLATE_SIZE = 51_200
FILES = {
    f"{NAME}.zip",
    f"{NAME}.json",
    f"packwatch-cli-{VERSION}-{ARCHITECTURE}.tar.gz",
    f"packwatch-terraform-{VERSION}.tar.gz",
    f"packwatch-{VERSION}.cdx.json",
    "roles/reader.yaml",
    "SHA256SUMS",
}
CHECKS = []


def check(function):
    """Registers a check of the folder of the release. It raises AssertionError."""
    CHECKS.append(function)
    return function


def release(out: pathlib.Path, binary: pathlib.Path, cli: pathlib.Path, *options: str, **settings):
    """Runs tools/release.py. Returns the process."""
    command = [sys.executable, ROOT / "tools/release.py", "--out", out, "--arch", ARCHITECTURE, *options]
    command += ["--bootstrap", f"{ARCHITECTURE}={binary}", "--cli", f"{ARCHITECTURE}={cli}"]
    return subprocess.run(command, capture_output=True, text=True, **settings)


def contents(folder: pathlib.Path) -> dict[str, str]:
    """Returns the checksums of all files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@check
def release_has_exactly_the_listed_files(out):
    assert contents(out).keys() == FILES, sorted(contents(out))


@check
def checksums_are_those_of_all_files(out):
    listed = dict(reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines())
    assert listed == {name: digest for name, digest in contents(out).items() if name != "SHA256SUMS"}, listed
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)


@check
def zip_has_only_the_executable_bootstrap(out):
    with zipfile.ZipFile(out / f"{NAME}.zip") as archive:
        [entry] = archive.infolist()
    assert entry.filename == "bootstrap" and entry.create_system == 3, entry
    assert entry.external_attr >> 16 == 0o100755, f"{entry.external_attr >> 16:o}"
    assert entry.date_time == (1980, 1, 1, 0, 0, 0), entry.date_time


@check
def template_needs_no_transform_and_names_the_zip(out):
    path = out / f"{NAME}.json"
    template = json.loads(path.read_text())
    print(f"  template: {path.stat().st_size:,} of {MAX_TEMPLATE_SIZE:,} bytes")
    assert path.stat().st_size < MAX_TEMPLATE_SIZE, "the template is too large for --template-body"
    assert "Transform" not in template and "AWS::Serverless" not in path.read_text()
    assert template["Resources"]["Function"]["Properties"]["Code"] == f"./{NAME}.zip"
    assert template["Metadata"]["packwatch"] == {"Version": VERSION}
    architecture = template["Parameters"]["Architecture"]
    assert (architecture["Default"], architecture["AllowedValues"]) == (ARCHITECTURE, [ARCHITECTURE])


@check
def template_equals_the_linted_one(out):
    flat, linted = json.loads((out / f"{NAME}.json").read_text()), transformed_template()
    code = {"S3Bucket": "code", "S3Key": "packwatch.zip"}
    flat["Resources"]["Function"]["Properties"]["Code"] = code
    linted["Resources"]["Function"]["Properties"]["Code"] = code
    parameters = {"Architecture": ARCHITECTURE, "Dashboard": "on", "Metrics": "all", "EmailAddress": "a@example.com"}

    def resources(template):
        resolved = Resolved(template, parameters).resources()
        body = resolved["MetricsDashboard"]["Properties"]
        body["DashboardBody"] = json.loads(body["DashboardBody"])
        return resolved

    assert resources(flat) == resources(linted), "the resources differ"
    assert flat["Outputs"] == linted["Outputs"] and flat["Conditions"] == linted["Conditions"]
    assert flat["Rules"] == linted["Rules"] and flat["Parameters"].keys() == linted["Parameters"].keys()


@check
def reader_role_is_that_of_the_repository(out):
    assert (out / "roles/reader.yaml").read_bytes() == (ROOT / "roles/reader.yaml").read_bytes()


@check
def terraform_module_is_that_of_the_repository(out):
    name = f"packwatch-terraform-{VERSION}"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(out / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        unpacked = pathlib.Path(folder) / name
        names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
        listed = subprocess.run(command, cwd=ROOT / "terraform", capture_output=True, text=True, check=True).stdout
        expected = {line for line in listed.splitlines() if not line.startswith("tests/")} | {"LICENSE"}
        assert names == expected, f"missing {sorted(expected - names)}, not expected {sorted(names - expected)}"
        for file in expected - {"LICENSE"}:
            assert (unpacked / file).read_bytes() == (ROOT / "terraform" / file).read_bytes(), file


@check
def cli_starts_from_its_archive(out):
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(out / f"packwatch-cli-{VERSION}-{ARCHITECTURE}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        [program] = pathlib.Path(folder).glob("*/packwatch")
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert VERSION in text, text


@check
def bill_of_materials_is_valid_and_has_what_is_shipped(out):
    text = (out / f"packwatch-{VERSION}.cdx.json").read_text()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert error is None, error
    names = {component["name"] for component in json.loads(text)["components"]}
    missing = {"packwatch", "packwatch-cli", "aws-sdk-s3", "ring", "rustls", "clap"} - names
    assert not missing, f"{missing} are missing"
    extra = {"proptest", "packwatch-simulation", "insta", "cc"} & names
    assert not extra, f"{extra} are not shipped"
    print(f"  bill of materials: {len(names)} components")


def check_options(folder: pathlib.Path, out: pathlib.Path, binary: pathlib.Path) -> list[str]:
    """Checks what the options change, with the function in place of the CLI, which is smaller."""
    errors = []
    process = release(folder / "named", binary, binary, "--version", "9.9.9", "--documentation-url", "https://example.com/")
    zip_path = folder / f"named/packwatch-9.9.9-{ARCHITECTURE}.zip"
    if process.returncode or "warning" not in process.stderr or not zip_path.exists():
        errors.append(f"--version: {process.stdout}{process.stderr}")
    elif hashlib.sha256(zip_path.read_bytes()).hexdigest() != contents(out)[f"{NAME}.zip"]:
        errors.append("--version changes the zip")
    else:
        template = json.loads(zip_path.with_suffix(".json").read_text())
        if template["Parameters"]["DocumentationUrl"]["Default"] != "https://example.com/":
            errors.append("--documentation-url is not the default of the parameter")
    process = release(folder / "invalid", binary, binary, "--documentation-url", "https://example.com/docs")
    if process.returncode != 1 or "must be empty or an https address that ends in /" not in process.stderr:
        errors.append(f"a --documentation-url that the template rejects was released: {process.stdout}{process.stderr}")
    command = [sys.executable, ROOT / "tools/release.py", "--out", folder / "wrong", "--arch", OTHER]
    command += ["--bootstrap", f"{OTHER}={binary}", "--cli", f"{OTHER}={binary}"]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode != 1 or f"not a program for {OTHER}" not in process.stderr:
        errors.append(f"a binary for {ARCHITECTURE} was released for {OTHER}: {process.stderr}")
    # The build command of the tests copies a binary that exists already.
    build = f"cp {binary} {{folder}}/bootstrap"
    command = [sys.executable, ROOT / "tools/release.py", "--out", folder / "built", "--arch", ARCHITECTURE]
    process = subprocess.run([*command, "--build-command", build], capture_output=True, text=True)
    if process.returncode or not (folder / f"built/{NAME}.zip").exists():
        errors.append(f"--build-command: {process.stderr}")
    return errors


def check_assembled(folder: pathlib.Path, out: pathlib.Path) -> list[str]:
    """Checks that the workflow of the release names the documentation at the tag, and that the template has it."""
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    url = "${{ github.server_url }}/${{ github.repository }}/blob/${{ github.ref_name }}/"
    command = 'tools/assemble_release.sh "$DOCUMENTATION_URL" dist '
    if f"DOCUMENTATION_URL: {url}\n" not in workflow or f"run: {command}" not in workflow:
        return [f"release.yml does not assemble the release with DOCUMENTATION_URL={url}"]
    # A repository whose owner has the longest name.
    url = f"https://github.com/{'o' * 39}/packwatch/blob/v{VERSION}/"
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    assembled = folder / "assembled"
    command = [ROOT / "tools/assemble_release.sh", url, assembled, out]
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if process.returncode:
        return [f"assemble_release.sh: {process.stdout}{process.stderr}"]
    path = assembled / f"{NAME}.json"
    template = json.loads(path.read_text())
    errors = [f"{path.name} has {path.stat().st_size:,} bytes"] if path.stat().st_size >= MAX_TEMPLATE_SIZE else []
    if template["Parameters"]["DocumentationUrl"]["Default"] != url:
        errors.append("the assembled template does not link to the documentation")
    print(f"  assembled template: {path.stat().st_size:,} of {MAX_TEMPLATE_SIZE:,} bytes")
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path, help="the function")
    parser.add_argument("cli", type=pathlib.Path, help="the command packwatch")
    parser.add_argument("--out", type=pathlib.Path, help="where to keep the release")
    args = parser.parse_args()
    binary, cli = args.binary.resolve(), args.cli.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        out = args.out.resolve() if args.out else folder / "first"
        first = release(out, binary, cli)
        assert first.returncode == 0 and first.stderr == "", first.stderr
        print(first.stdout, end="")
        surroundings = {"cwd": folder, "umask": 0o077, "env": {**os.environ, "TZ": "Asia/Tokyo"}}
        second = release(folder / "second", binary, cli, **surroundings)
        assert second.returncode == 0, second.stderr
        errors = check_options(folder, out, binary) + check_assembled(folder, out)
        differing = dict(contents(out).items() ^ contents(folder / "second").items())
        errors += [f"{name} differs between two releases" for name in sorted(differing)]
        for function in CHECKS:
            name = function.__name__.replace("_", " ")
            try:
                function(out)
                print(f"ok     {name}")
            except (AssertionError, subprocess.CalledProcessError) as error:
                errors.append(f"{name}: {error}")
    for error in errors:
        print(f"FAILED {error}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
