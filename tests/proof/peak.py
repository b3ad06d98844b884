"""What a container of the function takes at most, from the kernel's own high-water marks.

SAM removes the container as soon as it has the answer, and the marks with it. They only ever rise, so that they are read
every few milliseconds while the container lives; only what it takes after the last reading, while it is killed, is missed.
"""

import contextlib
import dataclasses
import pathlib
import threading
import time

import docker

CGROUPS = pathlib.Path("/sys/fs/cgroup")
# Control groups of version 2 and of version 1: their folder, the peak and the limit.
VERSIONS = [("", "", "memory.peak", "memory.max"), ("memory", "memory", "memory.max_usage_in_bytes", "memory.limit_in_bytes")]


@dataclasses.dataclass
class Peak:
    """In bytes. The container's holds the emulator and cached files too; `function` is the resident set of its process."""

    limit: int = 0
    container: int = 0
    function: int = 0

    def __str__(self):
        return f"{mb(self.function)} MB for the function, {mb(self.container)} MB with the emulator, of {mb(self.limit)} MB"


def mb(size: int) -> str:
    return f"{size / 1024 / 1024:.0f}"


class Watch:
    """Watches whatever container the engine starts next."""

    def __init__(self, client: docker.DockerClient):
        self.client, self.peak, self.ended = client, Peak(), threading.Event()
        self.before = {container.id for container in client.containers.list(all=True)}
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> Peak:
        self.thread.start()
        return self.peak

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def watch(self):
        process = None
        while not process and not self.ended.is_set():
            process = self.started()
            time.sleep(0.005)
        while not self.ended.is_set():
            # Files go as the container does.
            with contextlib.suppress(OSError, ValueError, LookupError):
                self.read(process)
            time.sleep(0.003)

    def started(self) -> int | None:
        """The first process of the container that is new, once it runs."""
        with contextlib.suppress(docker.errors.APIError):
            for container in self.client.containers.list(filters={"label": "sam.cli.container.type=lambda"}):
                if container.id not in self.before:
                    return container.attrs["State"]["Pid"] or None
        return None

    def read(self, process: int):
        group, peak, limit = group_of(process)
        self.peak.container = max(self.peak.container, int((group / peak).read_text()))
        self.peak.limit = int((group / limit).read_text())
        for member in (group / "cgroup.procs").read_text().split():
            status = dict(line.split(":", 1) for line in pathlib.Path("/proc", member, "status").read_text().splitlines())
            if status["Name"].strip() == "bootstrap":
                self.peak.function = max(self.peak.function, 1024 * int(status["VmHWM"].split()[0]))


def group_of(process: int) -> tuple[pathlib.Path, str, str]:
    """The control group of a process that counts its memory, and the names of its peak and its limit."""
    lines = [line.split(":", 2) for line in pathlib.Path("/proc", str(process), "cgroup").read_text().splitlines()]
    groups = {controllers: path.lstrip("/") for _, controllers, path in lines}
    for controllers, folder, peak, limit in VERSIONS:
        group = CGROUPS / folder / groups.get(controllers, "")
        if controllers in groups and (group / peak).exists():
            return group, peak, limit
    raise LookupError(f"no control group of process {process} counts its memory: {groups}")
