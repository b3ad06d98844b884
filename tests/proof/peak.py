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
    """In bytes. `charged` is what counts against the limit, with the emulator; pages of files that were read before are charged
    to nobody here. `resident` is the function's process alone, with such pages."""

    limit: int = 0
    charged: int = 0
    resident: int = 0

    def highest(self) -> int:
        return max(self.charged, self.resident)

    def __str__(self):
        return f"{mb(self.resident)} MB in the process, {mb(self.charged)} MB charged to the container, limit {mb(self.limit)} MB"


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
        container = None
        while not container and not self.ended.is_set():
            container = self.started()
            time.sleep(0.005)
        while not self.ended.is_set():
            # The files are not there yet, or gone with the container.
            with contextlib.suppress(OSError, ValueError, LookupError):
                self.read(container)
            time.sleep(0.003)

    def started(self) -> docker.models.containers.Container | None:
        """The container that is new, once it runs."""
        with contextlib.suppress(docker.errors.APIError):
            for container in self.client.containers.list(filters={"label": "sam.cli.container.type=lambda"}):
                if container.id not in self.before and container.attrs["State"]["Pid"]:
                    return container
        return None

    def read(self, container: docker.models.containers.Container):
        group, peak, limit = group_of(container)
        self.peak.charged = max(self.peak.charged, int((group / peak).read_text()))
        self.peak.limit = int((group / limit).read_text())
        for member in (group / "cgroup.procs").read_text().split():
            status = dict(line.split(":", 1) for line in pathlib.Path("/proc", member, "status").read_text().splitlines())
            if status["Name"].strip() == "bootstrap":
                self.peak.resident = max(self.peak.resident, 1024 * int(status["VmHWM"].split()[0]))


def group_of(container: docker.models.containers.Container) -> tuple[pathlib.Path, str, str]:
    """The control group that counts the container's memory, and the names of its peak and its limit."""
    text = pathlib.Path("/proc", str(container.attrs["State"]["Pid"]), "cgroup").read_text()
    groups = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in text.splitlines())}
    for controllers, folder, peak, limit in VERSIONS:
        # At first its process is in the engine's own group.
        group = CGROUPS / folder / groups.get(controllers, "")
        if container.id in group.name and (group / peak).exists():
            return group, peak, limit
    raise LookupError(f"no control group counts the memory of {container.id}: {groups}")
