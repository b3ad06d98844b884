"""Archives that are equal, byte for byte, if their contents are equal."""

import gzip
import io
import os
import pathlib
import tarfile
import time
import zipfile

# The first time that a zip can hold.
EARLIEST = 315532800
REGULAR_FILE = 0o100000
# `create_system` of Unix: without it, Lambda ignores the permissions.
UNIX = 3


def modification_time() -> int:
    """Returns the time of every file in an archive: `SOURCE_DATE_EPOCH`, or a constant."""
    return max(EARLIEST, int(os.environ.get("SOURCE_DATE_EPOCH") or EARLIEST))


def write_zip(path: pathlib.Path, files: dict[str, tuple[bytes, int]]):
    """Writes a zip. `files` are contents and permissions by name."""
    written_at = time.gmtime(modification_time())[:6]
    with zipfile.ZipFile(path, "w") as archive:
        for name, (content, permissions) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, written_at)
            entry.create_system = UNIX
            entry.external_attr = (REGULAR_FILE | permissions) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)


def write_tar_gz(path: pathlib.Path, files: dict[str, tuple[bytes, int]]):
    """Writes a compressed tar archive. `files` are contents and permissions by name."""
    written_at = modification_time()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, permissions) in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), permissions, written_at
            archive.addfile(entry, io.BytesIO(content))
    # Without a name, the header depends on the contents only.
    path.write_bytes(gzip.compress(plain.getvalue(), compresslevel=6, mtime=written_at))
