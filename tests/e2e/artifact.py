#!/usr/bin/env python3
"""Verifies the zip that `sam package` would make, and the requirements of its binary.

    sam build
    python tests/e2e/artifact.py .aws-sam/build

The zip must be small and have one file, `bootstrap`, for the given architecture. The binary must
not require a shared library or a symbol version that the runtime `provided.al2023` lacks. The check
reads the same tables of the ELF file as the loader.
"""

import argparse
import pathlib
import platform
import re
import sys
import tempfile
import zipfile

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from samcli.lib.package.utils import make_zip_with_lambda_permissions

# In bytes. Lambda allows 50 MB, but cold starts take longer with a larger zip, and a larger zip
# means that optimizations were lost.
MAX_ZIP_SIZE = 6_000_000
# https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
MAX_SYMBOL_VERSIONS = {"GLIBC": (2, 34), "GCC": (11, 0, 0)}
# The libraries of glibc and libgcc in the runtime, besides the loader.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
MACHINES = {
    "x86_64": ("EM_X86_64", "/lib64/ld-linux-x86-64.so.2"),
    "arm64": ("EM_AARCH64", "/lib/ld-linux-aarch64.so.1"),
}


def check_artifact(folder: pathlib.Path, architecture: str) -> list[str]:
    """Prints the properties of the artifact. Returns its errors."""
    return check_zip(folder) + check_binary(folder / "bootstrap", architecture)


def check_zip(folder: pathlib.Path) -> list[str]:
    errors = []
    with tempfile.TemporaryDirectory() as scratch:
        # `sam package` calls the same function.
        file = pathlib.Path(make_zip_with_lambda_permissions(f"{scratch}/artifact", str(folder)))
        size = file.stat().st_size
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    names = [entry.filename for entry in entries]
    files = ", ".join(f"{entry.filename} ({entry.file_size:,})" for entry in entries)
    print(f"zip: {size:,} bytes, limit {MAX_ZIP_SIZE:,}, with {files}")
    if size > MAX_ZIP_SIZE:
        errors.append(
            f"the zip has {size:,} bytes, limit {MAX_ZIP_SIZE:,}: check the release profile in Cargo.toml and the newest dependencies"
        )
    if names != ["bootstrap"]:
        errors.append(f"the zip has the files {names}, expected only bootstrap")
    elif not entries[0].external_attr >> 16 & 0o001:
        errors.append("bootstrap in the zip is not executable for all users, so Lambda cannot start it")
    return errors


def check_binary(file: pathlib.Path, architecture: str) -> list[str]:
    machine, loader = MACHINES[architecture]
    with open(file, "rb") as data:
        elf = ELFFile(data)
        actual = elf["e_machine"]
        loaders = [segment.get_interp_name() for segment in elf.iter_segments("PT_INTERP")]
        needed, versions = libraries(elf), symbol_versions(elf)
    highest = {family: max(numbers) for family, numbers in versions.items()}
    print(f"binary: {actual}, loader {', '.join(loaders)}, libraries {', '.join(sorted(needed))}")
    print("newest symbols: " + ", ".join(f"{family}_{dotted(numbers)}" for family, numbers in sorted(highest.items())))
    errors = []
    if actual != machine:
        errors.append(f"bootstrap is built for {actual}, expected {architecture}")
    if loaders != [loader]:
        errors.append(f"bootstrap requires the loader {loaders}, but the runtime has {loader}")
    # Some linkers list the loader among the libraries too.
    if missing := needed - LIBRARIES - {pathlib.Path(loader).name}:
        errors.append(
            f"bootstrap requires {sorted(missing)}, which the runtime does not have: link statically or remove the dependency"
        )
    # A Rust program for this target always links glibc, so without it the tables were misread.
    if "GLIBC" not in highest:
        errors.append(f"bootstrap requires no glibc version, only {sorted(highest)}: the symbol tables were misread")
    for family, numbers in sorted(highest.items()):
        limit = MAX_SYMBOL_VERSIONS.get(family)
        if not limit:
            errors.append(f"bootstrap requires symbols of {family}, which are not known to exist in the runtime")
        elif numbers > limit:
            errors.append(
                f"bootstrap requires {family}_{dotted(numbers)}, but the runtime has {family}_{dotted(limit)}: "
                "build it with `cargo lambda build`, which links against an older C library"
            )
    return errors


def libraries(elf: ELFFile) -> set[str]:
    sections = [section for section in elf.iter_sections() if isinstance(section, DynamicSection)]
    return {tag.needed for section in sections for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}


def symbol_versions(elf: ELFFile) -> dict[str, set[tuple[int, ...]]]:
    """Returns the required symbol versions by family: GLIBC_2.34 is version 2.34 of GLIBC."""
    versions: dict[str, set[tuple[int, ...]]] = {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, wanted in section.iter_versions():
                for version in wanted:
                    family, _, number = version.name.rpartition("_")
                    # Versions without a number, such as GLIBC_PRIVATE, count as newer than every
                    # number.
                    numbers = tuple(map(int, number.split("."))) if re.fullmatch(r"[\d.]+", number) else (sys.maxsize,)
                    versions.setdefault(family, set()).add(numbers)
    return versions


def dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=pathlib.Path, help="the build directory of `sam build`")
    own = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    parser.add_argument("--architecture", choices=sorted(MACHINES), default=own)
    args = parser.parse_args()
    if not (args.built / "Function/bootstrap").exists():
        sys.exit(f"{args.built}/Function/bootstrap does not exist: run `sam build` first")
    errors = check_artifact(args.built / "Function", args.architecture)
    for error in errors:
        print(f"FAILED {error}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
