#!/usr/bin/env python3
"""Checks what a package says of the crates that its program is built from: PROGRAM SBOM ROOT.

The program has a list of them in its section .dep-v0 (cargo-auditable: JSON, compressed with zlib), and the SBOM, in the format
of CycloneDX, names each of these, and no path of the machine that it was made on.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zlib

program, sbom, root = sys.argv[1:]
with tempfile.NamedTemporaryFile() as section:
    subprocess.run(["objcopy", "--dump-section", f".dep-v0={section.name}", program, "/dev/null"], check=True)
    inside = json.loads(zlib.decompress(pathlib.Path(section.name).read_bytes()))
built_from = {(crate["name"], crate["version"]) for crate in inside["packages"] if crate.get("kind") != "build"}

text = pathlib.Path(sbom).read_text()
bom = json.loads(text)
named = {(crate["name"], crate["version"]) for crate in [bom["metadata"]["component"], *bom["components"]]}

if root in text or "serialNumber" in bom:
    sys.exit("built_from: the SBOM differs from one machine or run to the next")
if "tokio" not in {name for name, _ in built_from} or not built_from <= named:
    sys.exit(f"built_from: the SBOM lacks {sorted(built_from - named)}")
print(f"{len(built_from)} crates in the program, {len(named)} in the SBOM ({bom['bomFormat']} {bom['specVersion']})")
