"""The binaries of a release, for each processor architecture."""

import pathlib
import shlex
import subprocess

# Names of Lambda and of cargo, and the machine in the header of an ELF file.
ARCHITECTURES = {
    "arm64": ("aarch64-unknown-linux-gnu", 183),
    "x86_64": ("x86_64-unknown-linux-gnu", 62),
}
# cargo-lambda links against an old C library, which the CLI needs as much as the function does.
BUILD_COMMAND = (
    "cargo lambda build --locked --release --package {package} --bin {binary} --target {target}"
    " --lambda-dir {folder} --flatten {binary}"
)
# Packages with their binaries.
FUNCTION, CLI = ("packwatch", "packwatch-lambda"), ("packwatch-cli", "packwatch")


class WrongArchitecture(Exception):
    """A binary is not for the architecture that it is to be released for."""


def build(command: str, program: tuple[str, str], architecture: str, root: pathlib.Path, folder: pathlib.Path) -> bytes:
    """Runs the build command for one binary, which it writes to `bootstrap` in `folder`."""
    package, binary = program
    folder.mkdir(parents=True)
    values = {"package": package, "binary": binary, "arch": architecture, "target": target(architecture)}
    words = [word.format(folder=folder, **values) for word in shlex.split(command)]
    subprocess.run(words, cwd=root, check=True)
    return read(folder / "bootstrap", architecture)


def read(path: pathlib.Path, architecture: str) -> bytes:
    """Reads a binary, and checks its architecture."""
    content = path.read_bytes()
    _, machine = ARCHITECTURES[architecture]
    if content[:4] != b"\x7fELF" or int.from_bytes(content[18:20], "little") != machine:
        raise WrongArchitecture(f"{path} is not a program for {architecture}")
    return content


def target(architecture: str) -> str:
    """Returns the name that cargo has for an architecture."""
    return ARCHITECTURES[architecture][0]
