"""Read one file's Content Credentials in a process of its own: its library parses any bytes.

python -I reader_process.py FOLDER FILE     FOLDER holds the package c2pa; trust anchors on stdin

Prints one JSON object: `found` with what the library reports, or `none`, `remote` (a URL) or
`error` (a text). Imports nothing of awarenet: that would load torch.
"""

import contextlib
import json
import sys

CPU_S = 20  # of this process; a clip of 500 MB is hashed in one or two
MEMORY_BYTES = 4 << 30  # address space
SPOOL_BYTES = 64 << 20  # of a file that it may write
MAX_REPORT = 2_000_000  # characters of a report; a manifest has some thousands
SETTINGS = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
REMOTE = "must fetch remote manifests from url "  # how the library says that it did not


def limit() -> None:
    """Bound what this process can use up, where the system offers it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_FSIZE, (SPOOL_BYTES, SPOOL_BYTES))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


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
    limit()
    sys.path.append(sys.argv[1])
    json.dump(read(sys.argv[2], sys.stdin.read()), sys.stdout)
