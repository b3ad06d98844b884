"""What the first invocation costs over TLS: certificates read, connections opened, keys agreed upon."""

import asyncio
import datetime
import pathlib
import ssl
import statistics
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from measure import machine
from programs import Program, World, table

PROCESSES, INVOCATIONS = 12, 4
DRY = {"dry_run": True}


class Tls:
    """TLS before an organization, as the host `localhost`; `authority` is the certificate to trust."""

    def __init__(self, folder, world):
        self.authority, self.opened = folder / "authority.pem", 0
        chain = folder / "chain.pem"
        certified(self.authority, chain)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)
        self.behind = int(world.url.rpartition(":")[2])
        listening = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(listening)), daemon=True).start()
        assert listening.wait(10), "TLS does not listen"
        self.settings = {"AWS_ENDPOINT_URL": f"https://localhost:{self.port}", "SSL_CERT_FILE": str(self.authority)}

    async def serve(self, listening):
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await server.serve_forever()

    async def connected(self, reader, writer):
        self.opened += 1
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        await asyncio.gather(passed_on(reader, behind_writer), passed_on(behind_reader, writer))


async def passed_on(reader, writer):
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        # A program that is killed says no goodbye.
        pass
    finally:
        writer.close()


def certified(authority, chain):
    """An authority, and a certificate of it for `localhost` with its key, as files."""
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "localhost")]
    keys = [rsa.generate_private_key(public_exponent=65_537, key_size=2048) for _ in names]
    now = datetime.datetime.now(datetime.timezone.utc)
    pem = []
    for name, key, is_authority in zip(names, keys, (True, False)):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        pem.append(certificate.public_bytes(serialization.Encoding.PEM))
    key = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority.write_bytes(pem[0])
    chain.write_bytes(pem[1] + key)


def measure(command, simulation):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # Small packs: what connections cost is not to be lost in what rows cost.
        world = World(folder, simulation, 10, 100, 1)
        try:
            tls = Tls(folder, world)
            for what, settings in (("plain", {}), ("TLS", tls.settings)):
                opened, costs = tls.opened, []
                for _ in range(PROCESSES):
                    program = Program(command, world, folder, **settings)
                    costs.append([1000 * program.good_run(event=DRY).processor for _ in range(INVOCATIONS)])
                    program.close()
                times = [f"{statistics.median(each):.1f}" for each in zip(*costs)]
                rows.append([what, f"{(tls.opened - opened) / PROCESSES:.0f}", *times])
        finally:
            world.stop()
    heads = ["over", "connections", *(f"invocation {number + 1}" for number in range(INVOCATIONS))]
    print("\n" + table(heads, rows))
    print(f"\nMilliseconds of processor of dry runs over 10 packs, medians of {PROCESSES} processes. What comes before the first")
    print("poll is not in it: one of the connections. Goal: the first over TLS takes at most 10 ms more than the second.")
    print(f"{machine()}.")
