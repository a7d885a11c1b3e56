"""Build an image of Apache Kafka out of nothing, where no image can be pulled: the pinned Java runtime and jars.

    python infra/docker/build_image_from_parts.py [TAG]

The image has what tests/docker_kafka.py needs: `/bin/sh`, `java` and `/opt/kafka/libs/*.jar`, laid out as in
`apache/kafka`. The shell and the C libraries are this machine's, so it takes a Linux machine with glibc, the project
with its `broker` extra, and a Docker engine that answers (infra/docker/ensure_engine.sh).
"""

# ruff: noqa: INP001 - a script that is run by its path, in no package.
# ruff: noqa: S603 - it runs Docker and two tools of the C library, with paths that it found itself.

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from ledger_infra.broker.artifacts import KAFKA_VERSION, ensure_jars
from ledger_infra.broker.java_runtime import java_executable

DEFAULT_TAG: Final = f"notification-ledger-kafka:{KAFKA_VERSION}"

USER_ID: Final = 1000
"""Kafka runs as this user, as it does in `apache/kafka`."""

SHELL: Final = Path("/bin/sh")
JAVA_HOME: Final = "opt/java/openjdk"
LIBS: Final = "opt/kafka/libs"

RUNTIME_LIBRARIES: Final = ("libgcc_s.so.1", "libstdc++.so.6")
"""What the compression libraries inside the jars load when they are unpacked at run time."""

TEXT_FILES: Final = {
    "etc/passwd": f"root:x:0:0::/:/bin/sh\nkafka:x:{USER_ID}:{USER_ID}::/tmp:/bin/sh\n",
    "etc/group": f"root:x:0:\nkafka:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def main(tag: str) -> None:
    """Build the image `tag` and print `tag` on standard output. Raises CalledProcessError when Docker refuses it."""
    java_home = java_executable().parent.parent
    jars = ensure_jars(progress=_tell)
    command = ["docker", "import", "--change", f"ENV PATH=/{JAVA_HOME}/bin:/bin", "--change", f"USER {USER_ID}"]
    with subprocess.Popen([*command, "-", tag], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as docker:
        if docker.stdin is None:
            raise RuntimeError("the pipe was asked for")
        with docker.stdin as pipe, tarfile.open(fileobj=pipe, mode="w|", dereference=True) as image:
            image.add(java_home, JAVA_HOME, filter=_owned_by_root)
            for jar in jars:
                image.add(jar, f"{LIBS}/{jar.name}", filter=_owned_by_root)
            for file in (SHELL, *_libraries(java_home)):
                image.add(file, str(file).lstrip("/"), filter=_owned_by_root)
            for name, text in TEXT_FILES.items():
                _add_text(image, name, text)
            temporary = tarfile.TarInfo("tmp")
            temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
            image.addfile(temporary)
    if docker.returncode != 0:
        raise subprocess.CalledProcessError(docker.returncode, command)
    sys.stdout.write(f"{tag}\n")


def _tell(done: int, total: int, name: str) -> None:
    sys.stderr.write(f"{done}/{total} {name}\n")


def _libraries(java_home: Path) -> set[Path]:
    """Return the shared libraries, the loader included, that the shell and the Java runtime want, where they are."""
    found: set[Path] = set()
    for binary in (SHELL, java_home / "bin" / "java", *java_home.rglob("*.so")):
        answer = subprocess.run(["/usr/bin/ldd", binary], capture_output=True, text=True, check=True).stdout
        found |= {Path(path) for path in re.findall(r"(/\S+) \(0x", answer)}
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in RUNTIME_LIBRARIES:
        found |= {Path(path) for path in re.findall(rf"{re.escape(name)} \(libc6,[^)]*\) => (/\S+)", known)}
    return {path for path in found if java_home not in path.parents}


def _add_text(image: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    image.addfile(entry, io.BytesIO(content))


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


if __name__ == "__main__":
    main(*(sys.argv[1:2] or [DEFAULT_TAG]))
