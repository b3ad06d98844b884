"""The peak memory of a container of the function, from the high-water marks of the kernel.

SAM removes the container, and the marks with it, as soon as it has the response. `PeakMonitor`
therefore reads the marks every few milliseconds while the container runs. Since marks never
decrease, only growth after the last read is missed, while the container is killed.
"""

import contextlib
import dataclasses
import pathlib
import threading
import time

import docker

CGROUPS = pathlib.Path("/sys/fs/cgroup")
# For control groups version 2 and version 1: the controller, its folder, the file of the peak and
# the file of the limit.
VERSIONS = [
    ("", "", "memory.peak", "memory.max"),
    ("memory", "memory", "memory.max_usage_in_bytes", "memory.limit_in_bytes"),
]


@dataclasses.dataclass
class Peak:
    """Peak memory, in bytes.

    `charged` counts against the limit of the container and includes the emulator, but not pages of
    files that were already cached. `resident` is the resident set of the function's process, with
    those pages.
    """

    limit: int = 0
    charged: int = 0
    resident: int = 0

    def highest(self) -> int:
        return max(self.charged, self.resident)

    def __str__(self):
        return f"{mb(self.resident)} MB in the process, {mb(self.charged)} MB charged to the container, limit {mb(self.limit)} MB"


def mb(size: int) -> str:
    return f"{size / 1024 / 1024:.0f}"


class PeakMonitor:
    """Measures the next Lambda container that the engine starts, while the context is open."""

    def __init__(self, client: docker.DockerClient):
        self.client, self.peak, self.stopped = client, Peak(), threading.Event()
        self.existing = {container.id for container in client.containers.list(all=True)}
        self.thread = threading.Thread(target=self.monitor, daemon=True)

    def __enter__(self) -> Peak:
        self.thread.start()
        return self.peak

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def monitor(self):
        container = None
        while not container and not self.stopped.is_set():
            container = self.new_container()
            time.sleep(0.005)
        while not self.stopped.is_set():
            # The files do not exist yet, or were removed with the container.
            with contextlib.suppress(OSError, ValueError, LookupError):
                self.read(container)
            time.sleep(0.003)

    def new_container(self) -> docker.models.containers.Container | None:
        """Returns the new container once it runs."""
        with contextlib.suppress(docker.errors.APIError):
            for container in self.client.containers.list(filters={"label": "sam.cli.container.type=lambda"}):
                if container.id not in self.existing and container.attrs["State"]["Pid"]:
                    return container
        return None

    def read(self, container: docker.models.containers.Container):
        group, peak, limit = memory_cgroup(container)
        self.peak.charged = max(self.peak.charged, int((group / peak).read_text()))
        self.peak.limit = int((group / limit).read_text())
        for member in (group / "cgroup.procs").read_text().split():
            status = dict(
                line.split(":", 1) for line in pathlib.Path("/proc", member, "status").read_text().splitlines()
            )
            if status["Name"].strip() == "bootstrap":
                self.peak.resident = max(self.peak.resident, 1024 * int(status["VmHWM"].split()[0]))


def memory_cgroup(container: docker.models.containers.Container) -> tuple[pathlib.Path, str, str]:
    """Returns the memory control group of the container.

    Also returns the names of its peak and limit files.
    """
    text = pathlib.Path("/proc", str(container.attrs["State"]["Pid"]), "cgroup").read_text()
    groups = {
        controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in text.splitlines())
    }
    for controllers, folder, peak, limit in VERSIONS:
        # While the container starts, its process is in the group of the engine.
        group = CGROUPS / folder / groups.get(controllers, "")
        if container.id in group.name and (group / peak).exists():
            return group, peak, limit
    raise LookupError(f"container {container.id} has no memory control group: {groups}")
