"""Read one file's Content Credentials in a process of its own: its library parses any bytes.

python -I reader_process.py FOLDER FILE     FOLDER holds the package c2pa; trust anchors on stdin

Prints one JSON object: `found` with what the library reports, or `none`, `remote` (a URL) or
`error` (a text). It is confined as a process that decodes is: it can read that file and no other,
write none, and reach nobody.
"""

import json
import mimetypes
import sys
from pathlib import Path
from types import ModuleType

CPU_S = 20  # of this process; a clip of 500 MB is hashed in one or two
MEMORY_BYTES = 4 << 30  # address space
MAX_REPORT = 2_000_000  # characters of a report; a manifest has some thousands
SETTINGS = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
REMOTE = "must fetch remote manifests from url "  # how the library says that it did not


def limit(path: str) -> None:
    """Give up what is not needed to read one file, where the system offers it."""
    if sys.platform == "win32":  # it has none of it
        return
    home = Path(__file__).resolve().parents[1]
    # without the packages' own first lines, which import NumPy, Pillow and PyAV: half a second
    for name, folder in (("awarenet", home), ("awarenet.confinement", home / "confinement")):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    from awarenet.confinement.steps import confine

    confine(Path(path), memory=MEMORY_BYTES, processor_s=CPU_S)


def read(path: str, trust_anchors: str) -> dict:
    """Give what the library says of a file's credentials."""
    import c2pa

    settings = dict(SETTINGS)
    if trust_anchors:
        settings["trust"] = {"trust_anchors": trust_anchors}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(path, context=context) as reader,
        ):
            report = reader.json()
            if len(report) > MAX_REPORT:
                return {"error": f"they fill {len(report):,} characters"}
            return {"found": json.loads(report)}
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return {"none": True}
    except c2pa.C2paError as error:
        kind, text = type(error).__name__.removeprefix("_C2pa"), str(error)
        if REMOTE in text:
            return {"remote": text.partition(REMOTE)[2]}
        return {"error": f"{kind}: {text}"}


if __name__ == "__main__":
    anchors = sys.stdin.read()
    sys.path.append(sys.argv[1])
    mimetypes.init()  # while the system's own list can be read
    import c2pa  # noqa: F401  so can the library that it brings

    limit(sys.argv[2])
    json.dump(read(sys.argv[2], anchors), sys.stdout)
