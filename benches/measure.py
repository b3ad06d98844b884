"""What a process takes: its processor time, its peak memory, and the share of a core that it is given."""

import os
import pathlib
import time

# Lambda gives one core for so many MB of memory, and less than one in proportion.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_CORE = 1769
PERIOD = 20_000


def processor(pid):
    """Seconds of processor of all threads that it has and had: the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime(~pid << 3 | 2)


def peak(pid):
    """The most memory that it held resident, in MB of 1,048,576 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


def forget_peak(pid):
    """The peak counts from what it holds now: https://docs.kernel.org/filesystems/proc.html, clear_refs."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def machine():
    """What it was measured on."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Processor"))]
    name = models[0] if models else os.uname().machine
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({name}), Linux {os.uname().release}, load {load:.1f} of other work and this"


class Share:
    """The share of one core that Lambda gives with so many MB: a control group with a quota. Needs root, mostly."""

    def __init__(self, memory):
        name = f"packwatch-{os.getpid()}-{memory}"
        quota = round(PERIOD * memory / ONE_CORE)
        self.group = group_v2(name, quota) or group_v1(name, quota)
        if not self.group:
            raise PermissionError("no control group with a processor quota can be made on this machine")

    def hold(self, pid):
        (self.group / "cgroup.procs").write_text(str(pid))

    def close(self):
        # A group goes when the last of its processes is gone, which is a moment after it was killed.
        for _ in range(100):
            try:
                return self.group.rmdir()
            except OSError:
                time.sleep(0.02)
        self.group.rmdir()


def group_v2(name, quota):
    parent = mounted("cgroup2", "")
    if not parent or "cpu" not in (parent / "cgroup.controllers").read_text().split():
        return None
    return made(parent / name, {"../cgroup.subtree_control": "+cpu", "cpu.max": f"{quota} {PERIOD}"})


def group_v1(name, quota):
    parent = mounted("cgroup", "cpu")
    return parent and made(parent / name, {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)})


def mounted(kind, option):
    """Where control groups of a kind are mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, folder, type_of, options, *_ = line.split()
        if type_of == kind and (not option or option in options.split(",")):
            return pathlib.Path(folder)
    return None


def made(group, contents):
    """A group with its quota; none where that is not allowed."""
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for name, text in contents.items():
            (group / name).write_text(text)
    except OSError:
        group.rmdir()
        return None
    return group
