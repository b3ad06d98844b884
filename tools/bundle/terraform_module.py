"""The files of the Terraform module in a release."""

import pathlib

# Terraform writes files that begin with a dot and state into the folder. The tests are for the repository.
PATTERNS = ("*.tf", "README.md", "modules/**/*.tf", "examples/**/*.tf")


def terraform_module(root: pathlib.Path, name: str) -> dict[str, tuple[bytes, int]]:
    """Returns contents and permissions of the files, by their names below a folder."""
    module = root / "terraform"
    paths = [path for pattern in PATTERNS for path in module.glob(pattern)]
    own = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(module).parts)]
    files = {f"{name}/{path.relative_to(module).as_posix()}": (path.read_bytes(), 0o644) for path in own}
    return files | {f"{name}/LICENSE": ((root / "LICENSE").read_bytes(), 0o644)}
