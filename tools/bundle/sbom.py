"""The software bill of materials, in CycloneDX 1.5.

It lists the crates that are compiled into the function and the CLI, for every architecture of the
release, from `cargo metadata` and the checksums of `Cargo.lock`.
"""

import datetime
import json
import pathlib
import subprocess
import tomllib

from .archive import modification_time
from .binaries import target


def bill_of_materials(root: pathlib.Path, version: str, architectures: list[str]) -> dict:
    """Returns the bill of materials of the packages `packwatch` and `packwatch-cli`."""
    packages, edges = {}, {}
    for architecture in architectures:
        metadata = cargo_metadata(root, target(architecture))
        packages |= {package["id"]: package for package in metadata["packages"]}
        for package, used in shipped(metadata).items():
            edges.setdefault(package, set()).update(used)
    checksums = lock_checksums(root)
    reference = {package: purl(packages[package]) for package in edges}
    own = {package for package in edges if packages[package]["source"] is None}
    components = [component(packages[package], checksums, package in own) for package in edges]
    dependencies = [
        {"ref": reference[package], "dependsOn": sorted({reference[other] for other in used})}
        for package, used in edges.items()
    ]
    written_at = datetime.datetime.fromtimestamp(modification_time(), datetime.UTC)
    main = {"type": "application", "bom-ref": "packwatch-release", "name": "packwatch", "version": version}
    dependencies.append({"ref": main["bom-ref"], "dependsOn": sorted(reference[package] for package in own)})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": written_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": main},
        "components": sorted(components, key=lambda item: item["bom-ref"]),
        "dependencies": sorted(dependencies, key=lambda item: item["ref"]),
    }


def cargo_metadata(root: pathlib.Path, platform: str) -> dict:
    command = ["cargo", "metadata", "--quiet", "--locked", "--format-version", "1", "--filter-platform", platform]
    return json.loads(subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE).stdout)


def shipped(metadata: dict) -> dict[str, list[str]]:
    """Returns the packages that are in the binaries, each with the packages that it uses.

    Dependencies of build scripts and tests are not.
    """
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    open_ends = [
        package["id"] for package in metadata["packages"] if package["name"] in ("packwatch", "packwatch-cli")
    ]
    edges: dict[str, list[str]] = {}
    while open_ends:
        package = open_ends.pop()
        if package not in edges:
            edges[package] = [
                dependency["pkg"]
                for dependency in nodes[package]["deps"]
                if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            ]
            open_ends += edges[package]
    return edges


def lock_checksums(root: pathlib.Path) -> dict[tuple[str, str], str]:
    packages = tomllib.loads((root / "Cargo.lock").read_text())["package"]
    return {(package["name"], package["version"]): package.get("checksum", "") for package in packages}


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict, checksums: dict, is_own: bool) -> dict:
    result = {
        "type": "application" if is_own else "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        # The older syntax of some crates.
        result["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums[package["name"], package["version"]]:
        result["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return result
