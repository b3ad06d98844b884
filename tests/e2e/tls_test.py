#!/usr/bin/env python3
"""Runs the release binary over TLS, which the other scripts do not use.

    cargo build --release -p packwatch
    cargo build --example simulated_org
    python3 tests/e2e/tls_test.py target/release/packwatch-lambda target/debug/examples/simulated_org

AWS is the simulated organization, behind a TLS server of this script. Whole runs must succeed over
TLS 1.3 and over TLS 1.2, with a private authority in AWS_CA_BUNDLE. A server whose authority is not
in that file must be refused, and nothing published.
"""

import contextlib
import pathlib
import socket
import ssl
import sys
import tempfile
import threading
import traceback

from lambda_rie import BUCKET, ROOT, TOPIC, Organization, environment
from runtime_api import Function

CERTIFICATES = ROOT / "tests/it/support/loopback_tls"
AUTHORITY, SERVER = CERTIFICATES / "authority.pem", CERTIFICATES / "server.pem"


class TlsServer:
    """Ends TLS in front of a port of this machine."""

    def __init__(self, port: int, version: ssl.TLSVersion):
        self.port, self.versions = port, set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = version
        self.context.load_cert_chain(SERVER, CERTIFICATES / "server-key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        # Closing the listener ends the thread.
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket):
        with contextlib.suppress(OSError), connection, socket.create_connection(("127.0.0.1", self.port)) as plain:
            with self.context.wrap_socket(connection, server_side=True) as secure:
                self.versions.add(secure.version())
                threading.Thread(target=relay, args=(plain, secure), daemon=True).start()
                relay(secure, plain)

    def close(self):
        self.listener.close()


def relay(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def run(binary, simulation, version: ssl.TLSVersion, authority: pathlib.Path):
    """Makes one run over TLS. Returns its response, the digests, and the versions of TLS in use."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        organization = Organization(folder, simulation)
        organization.put_member("UPDATE_FAILED")
        server = TlsServer(int(organization.url.rpartition(":")[2]), version)
        settings = environment(organization, SNAPSHOT_BUCKET=BUCKET, TOPIC_ARN=TOPIC)
        settings |= {"AWS_ENDPOINT_URL": server.url, "AWS_CA_BUNDLE": str(authority)}
        with open(folder / "function.log", "wb") as output:
            function = Function(binary, settings, output)
        try:
            function.invoke("run-1", 30)
            response = function.response()
            assert response, f"no response:\n{(folder / 'function.log').read_text()}"
            return response, organization.publishes(), server.versions
        finally:
            function.kill()
            server.close()
            organization.stop()


def run_over_tls_1_3_is_committed(binary, simulation):
    response, publishes, versions = run(binary, simulation, ssl.TLSVersion.TLSv1_3, AUTHORITY)
    assert response.get("outcome") == "committed" and response["complete"], f"{response}"
    assert len(publishes) == 1 and versions == {"TLSv1.3"}, f"{len(publishes)} digests over {versions}"


def run_over_tls_1_2_is_committed(binary, simulation):
    response, publishes, versions = run(binary, simulation, ssl.TLSVersion.TLSv1_2, AUTHORITY)
    assert response.get("outcome") == "committed" and response["complete"], f"{response}"
    assert len(publishes) == 1 and versions == {"TLSv1.2"}, f"{len(publishes)} digests over {versions}"


def certificate_of_unknown_authority_is_refused(binary, simulation):
    # The server's own certificate is no authority.
    response, publishes, versions = run(binary, simulation, ssl.TLSVersion.TLSv1_3, SERVER)
    assert "errorType" in response and "not trusted" in response["errorMessage"], f"{response}"
    assert not publishes and not versions, f"{len(publishes)} digests over {versions}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, simulation = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    failed = 0
    checks = [run_over_tls_1_3_is_committed, run_over_tls_1_2_is_committed, certificate_of_unknown_authority_is_refused]
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            check(binary, simulation)
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            print(f"ok     {name}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
