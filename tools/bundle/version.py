"""The version of packwatch."""

import pathlib
import tomllib


def cargo_version(root: pathlib.Path) -> str:
    """Returns the version of `Cargo.toml`, the only place where it is written."""
    return tomllib.loads((root / "Cargo.toml").read_text())["package"]["version"]
