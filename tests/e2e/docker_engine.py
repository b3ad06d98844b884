"""A Docker engine for SAM, and a local image in place of the Lambda base image.

A running engine is used as it is. Otherwise `Engine` starts one, which needs root: its data,
sockets and containers are below the given folder, and it does not change firewall rules. SAM adds
the AWS Lambda runtime emulator to the image.
"""

import fcntl
import io
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tarfile
import time

import docker

PACKAGES = {"dockerd": "docker.io", "busybox": "busybox-static", "ldd": "libc-bin"}
CA_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
BRIDGE = "docker0"
# The ioctl request that returns the address of a network interface.
SIOCGIFADDR = 0x8915
# The image that SAM uses by default, and the name in an engine that was already running, which may
# have the real image.
AWS_NAME, OWN_NAME = "public.ecr.aws/lambda/provided", "packwatch-e2e/provided"


class MissingRequirement(Exception):
    """This machine lacks a requirement. The message names it and says how to install it."""


class Engine:
    """A Docker engine, until `close`. `environment` has the variables that direct SAM to it."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.process, self.images = folder, None, []
        self.environment: dict[str, str] = {}
        self.client = connect()
        if not self.client:
            self.start()
        try:
            self.gateway = address_of(
                self.client.networks.get("bridge").attrs["Options"]["com.docker.network.bridge.name"]
            )
        except (docker.errors.APIError, LookupError, OSError) as error:
            self.close()
            message = f"the engine has no bridge network through which containers reach this machine: {error!r}"
            raise MissingRequirement(message) from error

    @property
    def own(self) -> bool:
        """Whether this object started the engine."""
        return self.process is not None

    def start(self):
        if os.geteuid():
            raise MissingRequirement(
                "no Docker engine is running, and only root can start one: start Docker, or run this as root"
            )
        require("dockerd")
        self.had_bridge = has_bridge()
        socket_url, self.log = f"unix://{self.folder}/docker.sock", self.folder / "dockerd.log"
        command = ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec"]
        command += ["-H", socket_url, "-p", self.folder / "dockerd.pid", "--iptables=false", "--ip6tables=false"]
        with open(self.log, "wb") as log:
            # In its own session, so that an interrupt at the terminal does not stop the engine
            # before its containers.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.environment = {"DOCKER_HOST": socket_url}
        deadline = time.monotonic() + 60
        while not (client := connect(base_url=socket_url)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                output = self.log.read_text(errors="replace")[-3000:]
                raise MissingRequirement(f"dockerd does not start on this machine. The end of its output:\n{output}")
            time.sleep(0.1)
        self.client = client

    def base_image(self, architecture: str, binary: pathlib.Path, variables: dict[str, str]) -> list[str]:
        """Imports the base image with these environment variables.

        Returns the options that make SAM use it.
        """
        name, tag = AWS_NAME if self.own else OWN_NAME, f"al2023-{architecture}"
        changes = [f"ENV {key}={value}" for key, value in variables.items()]
        self.client.api.import_image_from_data(root_filesystem(binary), repository=name, tag=tag, changes=changes)
        if self.own:
            return ["--skip-pull-image"]
        self.images = [f"{name}:{tag}", f"{name}:rapid-{architecture}"]
        return ["--skip-pull-image", "--invoke-image", f"{name}:{tag}"]

    def close(self):
        for image in self.images:
            try:
                self.client.images.remove(image, force=True)
            except docker.errors.ImageNotFound:
                pass
        if self.client:
            self.client.close()
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if not self.had_bridge and has_bridge() and shutil.which("ip"):
            subprocess.run(["ip", "link", "delete", BRIDGE], check=False)


def connect(**options) -> docker.DockerClient | None:
    """Returns a client of the engine at `base_url`, or of the default engine.

    Returns `None` if it does not respond.
    """
    try:
        client = docker.DockerClient(**options) if options else docker.from_env()
        client.ping()
        return client
    except (docker.errors.DockerException, OSError):
        return None


def has_bridge() -> bool:
    return pathlib.Path("/sys/class/net", BRIDGE).exists()


def address_of(interface: str) -> str:
    """Returns the IPv4 address of this machine on an interface.

    The engine does not always report it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        response = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", interface.encode()))
    return socket.inet_ntoa(response[20:24])


def require(program: str) -> str:
    """Returns the path of a program, or raises `MissingRequirement`."""
    if path := shutil.which(program):
        return path
    raise MissingRequirement(f"{program} is not installed: apt-get install {PACKAGES[program]}")


def root_filesystem(binary: pathlib.Path) -> bytes:
    """Returns a root filesystem as a tar archive.

    It has the programs that SAM's build steps and the emulator call, and the libraries of the
    binary. Its C library is that of this machine; artifact.py checks that the binary also runs with
    that of Amazon Linux 2023.
    """
    busybox = require("busybox")
    if "not a dynamic executable" not in output_of(["ldd", busybox]):
        message = f"{busybox} is dynamically linked and cannot run in an empty image: apt-get install busybox-static"
        raise MissingRequirement(message)
    if not CA_BUNDLE.exists():
        raise MissingRequirement(f"{CA_BUNDLE} does not exist: apt-get install ca-certificates")
    files = {f"bin/{name}": pathlib.Path(busybox) for name in ("sh", "mv", "chmod")}
    files |= {path.lstrip("/"): pathlib.Path(path).resolve() for path in libraries(binary)}
    # The path in Amazon Linux 2023.
    files["etc/pki/tls/certs/ca-bundle.crt"] = CA_BUNDLE.resolve()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for folder in ("tmp", "var/task", "var/runtime", "var/rapid"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, path in sorted(files.items()):
            tar.add(path, name)
    return data.getvalue()


def libraries(binary: pathlib.Path) -> list[str]:
    """Returns the paths of the loader and of the shared libraries of a binary on this machine."""
    require("ldd")
    paths = [path for line in output_of(["ldd", binary]).splitlines() for path in line.split() if path.startswith("/")]
    if not paths:
        raise MissingRequirement(f"{binary} is not for this machine: ldd finds no library of it")
    return paths


def output_of(command: list) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    return process.stdout + process.stderr
