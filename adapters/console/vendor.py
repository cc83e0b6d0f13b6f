"""Fetches the scripts of other people that the console's pages use, so that the pages load nothing from anywhere else.

    make assets         after changing a version in PACKAGES: needs npm; what it writes is committed

Each is one minified file under assets/vendor/ with its licence beside it; `manifest.json` says of which packages it was made and what its
SHA-256 is, and a test holds the files against it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "assets" / "vendor"
BUNDLER = "esbuild@0.28.2"


@dataclass(frozen=True, slots=True)
class Package:
    """One script: the npm package, and the file of it that is taken as it is, or else the one that is bundled under a global name."""

    package: str
    version: str
    taken: str = ""
    bundled: str = ""
    name: str = ""


PACKAGES = {
    "htmx.min.js": Package("htmx.org", "2.0.11", taken="dist/htmx.min.js"),
    "jssip.min.js": Package("jssip", "3.13.8", bundled="lib/JsSIP.js", name="JsSIP"),  # it ships no file for browsers
    "wavesurfer.min.js": Package("wavesurfer.js", "8.0.1", taken="dist/wavesurfer.min.js"),
}


def main() -> int:
    """Fetch all of them anew."""
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("npm is missing; ask for: apt-get install npm\n")
        return 1
    manifest = []
    for file, wanted in PACKAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            tools = [BUNDLER] if wanted.bundled else []
            subprocess.run(  # noqa: S603 - versions are written down above
                [npm, "install", "--silent", "--no-audit", "--no-fund", f"{wanted.package}@{wanted.version}", *tools], cwd=home, check=True
            )
            manifest.append(_make(file, wanted, home))
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return 0


def _make(file: str, wanted: Package, home: Path) -> dict[str, Any]:
    """Write the file and its licences; its entry in the manifest."""
    modules = home / "node_modules"
    target = FOLDER / file
    if wanted.taken:
        shutil.copyfile(modules / wanted.package / wanted.taken, target)
        parts = {wanted.package}
    else:
        told = home / "parts.json"
        subprocess.run(  # noqa: S603 - our own choice
            [
                str(modules / ".bin" / "esbuild"),
                str(modules / wanted.package / wanted.bundled),
                *("--bundle", "--minify", "--format=iife", f"--global-name={wanted.name}", "--target=es2020"),
                *('--define:process.env.NODE_ENV="production"', "--legal-comments=none", "--log-level=error"),
                *(f"--outfile={target}", f"--metafile={told}"),
            ],
            cwd=home,
            check=True,
        )
        inputs = json.loads(told.read_text(encoding="utf-8"))["inputs"]
        parts = {name.split("node_modules/")[-1].split("/")[0] for name in inputs if "node_modules/" in name}
    packages = []
    for part in sorted(parts):
        about = json.loads((modules / part / "package.json").read_text(encoding="utf-8"))
        licence = next(path for path in sorted((modules / part).iterdir()) if path.name.lower().startswith(("license", "licence")))
        shutil.copyfile(licence, FOLDER / f"LICENSE.{part}.txt")
        packages.append({"package": part, "version": about["version"], "licence": about["license"]})
    return {
        "file": file,
        "made_of": packages,
        "how": f"{wanted.taken} as it is" if wanted.taken else f"bundled by {BUNDLER} from {wanted.bundled}",
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    sys.exit(main())
