"""A Docker engine for SAM, and the image that stands for Lambda's base image where none can be pulled.

An engine that already answers is used as it is. Else one is started by hand, which takes root: its data, sockets and
containers live in the folder given, and it changes no rule of the firewall. SAM adds AWS's runtime emulator to the image by itself.
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
AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
BRIDGE = "docker0"
# The system call's number for the address of an interface.
SIOCGIFADDR = 0x8915
# What SAM asks for by itself, and what a foreign engine gets instead: there the name may be that of the real image.
AWS_NAME, OWN_NAME = "public.ecr.aws/lambda/provided", "packwatch-proof/provided"


class Missing(Exception):
    """The machine lacks something. The message says what, and what to do."""


class Engine:
    """An engine, until it is closed. `environment` leads SAM to it."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.process, self.made = folder, None, []
        self.environment: dict[str, str] = {}
        self.client = answering()
        if not self.client:
            self.start()
        try:
            self.gateway = address_of(self.client.networks.get("bridge").attrs["Options"]["com.docker.network.bridge.name"])
        except (docker.errors.APIError, LookupError, OSError) as error:
            self.close()
            raise Missing(f"the engine has no bridge on this machine, by which containers could reach it: {error!r}") from error

    @property
    def own(self) -> bool:
        return self.process is not None

    def start(self):
        if os.geteuid():
            raise Missing("no Docker engine answers, and starting one takes root: start Docker, or run this as root")
        needs("dockerd")
        self.had_bridge = has_bridge()
        here, self.log = f"unix://{self.folder}/docker.sock", self.folder / "dockerd.log"
        command = ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec"]
        command += ["-H", here, "-p", self.folder / "dockerd.pid", "--iptables=false", "--ip6tables=false"]
        with open(self.log, "wb") as log:
            # A group of its own: an interrupt at the terminal must not take the engine before its containers.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.environment = {"DOCKER_HOST": here}
        until = time.monotonic() + 60
        while not (client := answering(base_url=here)):
            if self.process.poll() is not None or time.monotonic() > until:
                self.close()
                wrote = self.log.read_text(errors="replace")[-3000:]
                raise Missing(f"dockerd does not answer on this machine. The end of what it wrote:\n{wrote}")
            time.sleep(0.1)
        self.client = client

    def base_image(self, architecture: str, binary: pathlib.Path, variables: dict[str, str]) -> list[str]:
        """Imports the base image with these variables in its environment; gives the options of SAM that use it."""
        name, tag = AWS_NAME if self.own else OWN_NAME, f"al2023-{architecture}"
        changes = [f"ENV {key}={value}" for key, value in variables.items()]
        self.client.api.import_image_from_data(root_of(binary), repository=name, tag=tag, changes=changes)
        if self.own:
            return ["--skip-pull-image"]
        self.made = [f"{name}:{tag}", f"{name}:rapid-{architecture}"]
        return ["--skip-pull-image", "--invoke-image", f"{name}:{tag}"]

    def close(self):
        for image in self.made:
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


def answering(**where) -> docker.DockerClient | None:
    """An engine that answers: there, or else this machine's or that of DOCKER_HOST."""
    try:
        client = docker.DockerClient(**where) if where else docker.from_env()
        client.ping()
        return client
    except (docker.errors.DockerException, OSError):
        return None


def has_bridge() -> bool:
    return pathlib.Path("/sys/class/net", BRIDGE).exists()


def address_of(interface: str) -> str:
    """The address of this machine on an interface. The engine names it only sometimes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", interface.encode()))
    return socket.inet_ntoa(answer[20:24])


def needs(program: str) -> str:
    if path := shutil.which(program):
        return path
    raise Missing(f"{program} is not on this machine: apt-get install {PACKAGES[program]}")


def root_of(binary: pathlib.Path) -> bytes:
    """A root filesystem as a tar: what SAM's build steps and the emulator call, and what the binary is linked with.

    Its C library is this machine's; that the binary also runs with that of Amazon Linux 2023 is for artifact.py to show.
    """
    busybox = needs("busybox")
    if "not a dynamic executable" not in output_of(["ldd", busybox]):
        raise Missing(f"{busybox} is not static, so that it would not run in an empty image: apt-get install busybox-static")
    if not AUTHORITIES.exists():
        raise Missing(f"{AUTHORITIES} is not on this machine: apt-get install ca-certificates")
    files = {f"bin/{name}": pathlib.Path(busybox) for name in ("sh", "mv", "chmod")}
    files |= {path.lstrip("/"): pathlib.Path(path).resolve() for path in libraries(binary)}
    # Where Amazon Linux 2023 has them.
    files["etc/pki/tls/certs/ca-bundle.crt"] = AUTHORITIES.resolve()
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
    """The loader and the shared libraries of a binary, where this machine has them."""
    needs("ldd")
    paths = [word for line in output_of(["ldd", binary]).splitlines() for word in line.split() if word.startswith("/")]
    if not paths:
        raise Missing(f"{binary} is not for this machine: ldd finds no library for it")
    return paths


def output_of(command: list) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr
