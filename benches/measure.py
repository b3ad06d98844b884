"""Measures the CPU time and the peak memory of a process, and limits its share of a core."""

import os
import pathlib
import time

# The memory size, in MB, at which Lambda gives one core. Below, the share of a core is
# proportional. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_CORE = 1769
# Microseconds of a scheduling period of the CPU controller.
PERIOD = 20_000


def cpu_seconds(pid):
    """Returns the CPU time of all current and ended threads: see clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def peak_memory(pid):
    """Returns the peak resident set size, in MB of 1,048,576 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"the status of process {pid} has no VmHWM")


def reset_peak(pid):
    """Resets the peak to the current resident set size.

    See clear_refs in https://docs.kernel.org/filesystems/proc.html.
    """
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def machine():
    """Describes this machine and its load."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Processor"))]
    name = models[0] if models else os.uname().machine
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({name}), Linux {os.uname().release}, load average {load:.1f}"


class CpuShare:
    """The share of one core that Lambda gives for a memory size, as a control group with a quota.

    It usually needs root.
    """

    def __init__(self, memory):
        name = f"packwatch-{os.getpid()}-{memory}"
        quota = round(PERIOD * memory / ONE_CORE)
        self.group = create_group_v2(name, quota) or create_group_v1(name, quota)
        if not self.group:
            raise PermissionError("a control group with a CPU quota cannot be created on this machine")

    def add(self, pid):
        (self.group / "cgroup.procs").write_text(str(pid))

    def close(self):
        # The kernel refuses to remove the group until its last process has exited, shortly after
        # the kill.
        for _ in range(100):
            try:
                return self.group.rmdir()
            except OSError:
                time.sleep(0.02)
        self.group.rmdir()


def create_group_v2(name, quota):
    parent = mount_point("cgroup2", "")
    if not parent or "cpu" not in (parent / "cgroup.controllers").read_text().split():
        return None
    return create_group(parent / name, {"../cgroup.subtree_control": "+cpu", "cpu.max": f"{quota} {PERIOD}"})


def create_group_v1(name, quota):
    parent = mount_point("cgroup", "cpu")
    return parent and create_group(parent / name, {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)})


def mount_point(filesystem, option):
    """Returns the mount point of a control group filesystem with this option, or `None`."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, folder, mounted, options, *_ = line.split()
        if mounted == filesystem and (not option or option in options.split(",")):
            return pathlib.Path(folder)
    return None


def create_group(group, files):
    """Creates a control group and writes its files. Returns `None` if that is not permitted."""
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for name, text in files.items():
            (group / name).write_text(text)
    except OSError:
        group.rmdir()
        return None
    return group
