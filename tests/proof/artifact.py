#!/usr/bin/env python3
"""Looks at what would be deployed: the zip as `sam package` makes it, and what the binary in it wants of Amazon Linux 2023.

    sam build
    python tests/proof/artifact.py .aws-sam/build

It holds one file, `bootstrap`, for the processor that is named; it is small; and the binary asks for no shared library, and for no
version of a symbol, that the runtime `provided.al2023` does not have. That is read from the binary's own tables, which the loader goes by.
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

# Lambda takes 50 MB. Cold starts grow with the zip, so that a build that lost its optimizations is noticed here.
LARGEST = 4_000_000
# https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
NEWEST = {"GLIBC": (2, 34), "GCC": (11, 0, 0)}
# The parts of glibc and libgcc that the runtime has, besides the loader.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
MACHINES = {"x86_64": ("EM_X86_64", "/lib64/ld-linux-x86-64.so.2"), "arm64": ("EM_AARCH64", "/lib/ld-linux-aarch64.so.1")}


def look(folder: pathlib.Path, architecture: str) -> list[str]:
    """Prints what is there; gives what is wrong with it."""
    return the_zip(folder) + the_binary(folder / "bootstrap", architecture)


def the_zip(folder: pathlib.Path) -> list[str]:
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        # What `sam package` itself calls.
        file = pathlib.Path(make_zip_with_lambda_permissions(f"{scratch}/artifact", str(folder)))
        size = file.stat().st_size
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    names = [entry.filename for entry in entries]
    print(f"zip: {size:,} bytes of at most {LARGEST:,}, with {', '.join(f'{entry.filename} ({entry.file_size:,})' for entry in entries)}")
    if size > LARGEST:
        wrong.append(f"the zip has {size:,} bytes, more than {LARGEST:,}: see the release profile in Cargo.toml, and what was added last")
    if names != ["bootstrap"]:
        wrong.append(f"the zip holds {names}, and only bootstrap is to be deployed")
    elif not entries[0].external_attr >> 16 & 0o001:
        wrong.append("bootstrap in the zip is not executable for everybody, so that Lambda cannot start it")
    return wrong


def the_binary(file: pathlib.Path, architecture: str) -> list[str]:
    machine, loader = MACHINES[architecture]
    with open(file, "rb") as data:
        elf = ELFFile(data)
        found = elf["e_machine"]
        started_by = [segment.get_interp_name() for segment in elf.iter_segments("PT_INTERP")]
        needed, versions = libraries(elf), symbol_versions(elf)
    highest = {family: max(numbers) for family, numbers in versions.items()}
    print(f"binary: {found}, started by {', '.join(started_by)}, linked with {', '.join(sorted(needed))}")
    print("newest symbols: " + ", ".join(f"{family}_{dotted(numbers)}" for family, numbers in sorted(highest.items())))
    wrong = []
    if found != machine:
        wrong.append(f"bootstrap is for {found}, and {architecture} is to be deployed")
    if started_by != [loader]:
        wrong.append(f"bootstrap is to be started by {started_by}, and the runtime has {loader}")
    # Some linkers name the loader among the libraries too.
    if strange := needed - LIBRARIES - {pathlib.Path(loader).name}:
        wrong.append(f"bootstrap needs {sorted(strange)}, which the runtime does not have: link it statically, or do without")
    # A Rust program for this system is always linked with glibc: without it the tables were misread.
    if "GLIBC" not in highest:
        wrong.append(f"bootstrap names no version of glibc, only {sorted(highest)}: this check could not fail")
    for family, numbers in sorted(highest.items()):
        most = NEWEST.get(family)
        if not most:
            wrong.append(f"bootstrap needs symbols of {family}, of which the runtime is not known to have any")
        elif numbers > most:
            wrong.append(
                f"bootstrap needs {family}_{dotted(numbers)}, and the runtime has {family}_{dotted(most)}: "
                "build it with `cargo lambda build`, which links against an older C library"
            )
    return wrong


def libraries(elf: ELFFile) -> set[str]:
    sections = [section for section in elf.iter_sections() if isinstance(section, DynamicSection)]
    return {tag.needed for section in sections for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}


def symbol_versions(elf: ELFFile) -> dict[str, set[tuple[int, ...]]]:
    """The versions of symbols that the loader must find, by family: GLIBC_2.34 is 2.34 of GLIBC."""
    versions: dict[str, set[tuple[int, ...]]] = {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, wanted in section.iter_versions():
                for version in wanted:
                    family, _, number = version.name.rpartition("_")
                    # GLIBC_PRIVATE and the like have no number, and are newer than everything.
                    numbers = tuple(map(int, number.split("."))) if re.fullmatch(r"[\d.]+", number) else (sys.maxsize,)
                    versions.setdefault(family, set()).add(numbers)
    return versions


def dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=pathlib.Path, help="the folder that `sam build` made")
    own = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    parser.add_argument("--architecture", choices=sorted(MACHINES), default=own)
    given = parser.parse_args()
    if not (given.built / "Function/bootstrap").exists():
        sys.exit(f"{given.built}/Function/bootstrap is not there: run `sam build` first")
    wrong = look(given.built / "Function", given.architecture)
    for line in wrong:
        print(f"FAILED {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
