#!/usr/bin/env python3
"""Finds an Asterisk that is new enough, or fetches one, and says where it is.

    python3 asterisk_conf/install.py            progress on stderr, the path of the program on stdout
    python3 asterisk_conf/install.py --find     fetches nothing: the path, or one sentence and status 1

Standard library only: it runs before anything else is installed, and as any user. It looks in this order:

1. the program that IVR_ASTERISK names; then `asterisk` on PATH, when it is new enough (IVR_ASTERISK_MINIMUM, 22.10.1);
2. `asterisk-dist` below IVR_VAR, where an earlier run has unpacked one;
3. Debian's packages of Asterisk and of every library it needs, C library included, from the Debian mirror that this
   machine's own apt uses (or IVR_DEBIAN_MIRROR), checked by apt against Debian's keys. They are unpacked below IVR_VAR and
   run through their own loader, so nothing is installed on the machine and what Asterisk starts, such as an AGI script,
   sees the machine as it is.

A run that was cut off is repaired by running again: packages already fetched are kept, and `asterisk-dist` appears
only when it is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

MINIMUM = "22.10.1"  # earlier releases of the 22 branch lack security fixes
SUITE = "sid"  # the only suite of Debian that has Asterisk 22
NEEDED_BYTES = 400 * 1024 * 1024
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Packages that only maintainer scripts or modules we never load ask for. Apt is told that they are there.
NOT_NEEDED = {"adduser", "asterisk-config-custom", "asterisk-core-sounds-en", "debconf", "perl-base"}
# Of the libraries that only modules ask for: those of an encrypted line and of wideband codecs, and the common ones.
KEPT = ("libsrtp2", "libopus0", "libspeex", "zlib1g")
NOT_UNPACKED = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/lintian", "./usr/share/info")

WRAPPER = """#!/bin/sh
# Runs the unpacked Asterisk through its own loader and C library, wherever this folder lies.
dist=$(dirname "$(dirname "$(readlink -f "$0")")")
exec "$dist/{loader}" --library-path "$dist/{libraries}" --argv0 asterisk "$dist/usr/sbin/asterisk" "$@"
"""


class CannotInstall(Exception):
    """Why there is no Asterisk, in a sentence for the person who runs this."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Print the path; or one sentence, and return 1."""
    home = Path(__file__).resolve().parent.parent
    var = Path(environment.get("IVR_VAR", home / "var")).resolve()
    try:
        found = find(var, environment)
        if found is None and "--find" in arguments:
            raise CannotInstall("there is no Asterisk yet; run: python3 asterisk_conf/install.py")
        sys.stdout.write(f"{found or fetch(var, environment)}\n")
    except CannotInstall as reason:
        say(str(reason))
        return 1
    return 0


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"asterisk: {line}\n")
    sys.stderr.flush()


# --- finding one ------------------------------------------------------------------------------------------------


def find(var: Path, environment: Mapping[str, str]) -> Path | None:
    """The program to use, if there is one on this machine. Raises CannotInstall when IVR_ASTERISK names none."""
    minimum = environment.get("IVR_ASTERISK_MINIMUM", MINIMUM)
    chosen = environment.get("IVR_ASTERISK")
    if chosen:
        path = shutil.which(chosen, path=environment.get("PATH"))
        if path is None or version_of(Path(path)) is None:
            raise CannotInstall(f"IVR_ASTERISK is {chosen}, which is not an Asterisk program that can be run here")
        return Path(path).resolve()
    installed = shutil.which("asterisk", path=environment.get("PATH"))
    if installed is not None and is_new_enough(version_of(Path(installed)), minimum):
        return Path(installed)
    unpacked = program_in(var / "asterisk-dist")
    return unpacked if is_new_enough(version_of(unpacked), minimum) else None


def program_in(dist: Path) -> Path:
    """The program of an unpacked Asterisk."""
    return dist / "bin" / "asterisk"


def version_of(program: Path) -> str | None:
    """What `asterisk -V` says, such as 22.10.1; None when it cannot be run."""
    try:
        answer = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - our own choice
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", answer.stdout)
    return match[1] if match else None


def is_new_enough(version: str | None, minimum: str) -> bool:
    """Whether 22.10.1 is at least 22.9.0: by number, not by letter."""
    return version is not None and _numbers(version) >= _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


# --- fetching one -----------------------------------------------------------------------------------------------


def fetch(var: Path, environment: Mapping[str, str]) -> Path:
    """Fetch and unpack Debian's Asterisk below `var`; the program. Raises CannotInstall."""
    minimum = environment.get("IVR_ASTERISK_MINIMUM", MINIMUM)
    dist, work = var / "asterisk-dist", var / "asterisk-download"
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise CannotInstall(f"this machine has no {tool}; install Asterisk {minimum} or later and set IVR_ASTERISK to its path")
    try:
        work.mkdir(parents=True, exist_ok=True)
        with _alone(var / "asterisk-install.lock"):
            if is_new_enough(version_of(program_in(dist)), minimum):  # another run was faster
                return program_in(dist)
            free = shutil.disk_usage(var).free
            if free < NEEDED_BYTES:
                raise CannotInstall(f"{var} has {free >> 20} MB free; fetching Asterisk needs {NEEDED_BYTES >> 20} MB")
            apt = Apt(work, environment.get("IVR_DEBIAN_MIRROR") or debian_mirror())
            packages = apt.fetch()
            unpacked = unpack(packages, work / "unpacked")
            version = version_of(program_in(unpacked))
            if not is_new_enough(version, minimum):
                raise CannotInstall(f"the mirror's Asterisk is {version or 'not one that runs here'}; {minimum} or later is needed")
            if dist.exists():
                shutil.rmtree(dist)
            unpacked.rename(dist)
            shutil.rmtree(work)
            say(f"Asterisk {version} is ready")
    except OSError as error:
        raise CannotInstall(f"cannot write below {var}: {error.strerror or error}") from error
    return program_in(dist)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock file, so that two runs do not fetch at the same time; the second waits."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def debian_mirror() -> str:
    """The Debian mirror in apt's own sources, as apt itself reads them. Raises CannotInstall when there is none."""
    listed = _output(["apt-get", "--print-uris", "update"])
    mirrors = re.findall(r"^'(\S+?/debian)/+dists/[^/']+/InRelease'", listed, re.MULTILINE)
    if not mirrors:
        raise CannotInstall(
            "apt's sources name no Debian mirror; set IVR_DEBIAN_MIRROR to one, or install Asterisk "
            f"{MINIMUM} or later and set IVR_ASTERISK to its path"
        )
    return str(mirrors[0])


class Apt:
    """The machine's apt, looking at another suite and at an empty machine: nothing of the system is read or changed."""

    def __init__(self, work: Path, mirror: str) -> None:
        self._work = work
        self._mirror = mirror
        for folder in ("lists/partial", "archives/partial", "dpkg"):
            (work / folder).mkdir(parents=True, exist_ok=True)
        signed = f" signed-by={KEYRING}" if KEYRING.exists() else ""
        (work / "sources.list").write_text(f"deb [check-valid-until=no{signed}] {mirror} {SUITE} main\n")
        (work / "apt.conf").write_text(
            # Proxies and the like come from the system's apt.conf; hooks that tidy up the system must not run.
            "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
            f'Dir::Etc::SourceList "{work}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
            'Dir::Etc::Preferences "/dev/null";\nDir::Etc::PreferencesParts "/dev/null";\n'
            f'Dir::State "{work}";\nDir::State::Lists "{work}/lists";\nDir::State::Status "{work}/dpkg/status";\n'
            f'Dir::Cache "{work}";\nDir::Cache::Archives "{work}/archives";\nDir::Log "{work}";\n'
            'APT::Sandbox::User "root";\nAPT::Update::Error-Mode "any";\nAPT::Install-Recommends "false";\n'
            'APT::Keep-Downloaded-Packages "true";\nAcquire::Languages "none";\nAcquire::Retries "2";\n'
        )

    def fetch(self) -> list[Path]:
        """Download the packages, keeping those an earlier run has got."""
        self._pretend([])
        say(f"reading the package list of {self._mirror} {SUITE}")
        self._run("apt-get", "update")
        of_program, of_modules = self._needs_of("asterisk"), self._needs_of("asterisk-modules")
        only_modules = {name for name in of_modules - of_program if not name.startswith(KEPT)}
        self._pretend(sorted(NOT_NEEDED | only_modules))
        plan = self._run("apt-get", "--simulate", "install", "asterisk")
        wanted = re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE)
        say(f"fetching {len(wanted)} packages")
        self._run("apt-get", "--yes", "--download-only", "install", "asterisk")
        return [self._file_of(name, version) for name, version in wanted]

    def _needs_of(self, package: str) -> set[str]:
        shown = self._run("apt-cache", "show", "--no-all-versions", package)
        depends = re.search(r"^Depends: (.+)$", shown, re.MULTILINE)
        return set(re.findall(r"(?:^|, )([a-z0-9][a-z0-9.+-]+)", depends[1])) if depends else set()

    def _pretend(self, installed: Sequence[str]) -> None:
        architecture = _output(["dpkg", "--print-architecture"]).strip()
        (self._work / "dpkg" / "status").write_text(
            "".join(
                f"Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: misc\nMaintainer: nobody <nobody@localhost>\n"
                f"Architecture: {architecture}\nMulti-Arch: same\nVersion: 9999:1\nDescription: not needed\n\n"
                for name in installed
            )
        )

    def _file_of(self, name: str, version: str) -> Path:
        """Apt writes the colon of a version as %3a."""
        (found,) = (self._work / "archives").glob(f"{name.split(':')[0]}_{version.replace(':', '%3a')}_*.deb")
        return found

    def _run(self, tool: str, *arguments: str) -> str:
        try:
            return _output([tool, "-c", str(self._work / "apt.conf"), "-q", *arguments])
        except CannotInstall as error:
            raise CannotInstall(
                f"cannot fetch Asterisk from {self._mirror} ({error}); is this machine online? Running again goes on"
            ) from error


def _output(command: Sequence[str]) -> str:
    """What a tool prints. Raises CannotInstall with its own last complaint."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
    if done.returncode != 0:
        complaints = (
            [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))] or done.stderr.splitlines() or ["no reason given"]
        )
        raise CannotInstall(f"{command[0]} says: {complaints[0]}")
    return done.stdout


def unpack(packages: Sequence[Path], into: Path) -> Path:
    """Unpack Debian packages into a fresh folder and add the program that runs them."""
    say("unpacking")
    if into.exists():
        shutil.rmtree(into)
    into.mkdir()
    for package in packages:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as source:  # noqa: S603, S607
            excluded = [f"--exclude={name}" for name in NOT_UNPACKED]
            tar = ["tar", "-x", "-C", str(into), "--no-same-owner", "--keep-directory-symlink", *excluded]
            written = subprocess.run(tar, stdin=source.stdout, capture_output=True, text=True, check=False)  # noqa: S603
        if source.returncode != 0 or written.returncode != 0:
            reason = written.stderr.strip().splitlines()[:1] or ["the file is damaged"]
            package.unlink(missing_ok=True)
            raise CannotInstall(f"cannot unpack {package.name}: {reason[0]}. Running again fetches it once more")
    (modules,) = into.glob("usr/lib/*/asterisk/modules")
    libraries = modules.parent.parent
    (loader,) = libraries.glob("ld-linux-*.so.*")
    program = program_in(into)
    program.parent.mkdir()
    program.write_text(WRAPPER.format(loader=loader.relative_to(into), libraries=libraries.relative_to(into)))
    program.chmod(0o755)
    return into


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
