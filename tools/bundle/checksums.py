"""`SHA256SUMS`, as `sha256sum --check` reads it."""

import hashlib
import pathlib

NAME = "SHA256SUMS"


def write_checksums(folder: pathlib.Path, files: list[pathlib.Path]):
    """Writes the checksums of files below `folder`."""
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / NAME).write_text("".join(lines))
