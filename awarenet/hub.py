"""A repository's files from the Hugging Face Hub: what is pinned and was fetched needs no network.

The Hub's own client waits long for a network that is not there (five tries for each file, no limit
on a name look-up), so a connection is tried here first, and one request says whether there is such
a repository before any file is asked for.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from awarenet.errors import BundleError

log = logging.getLogger(__name__)

COMMIT = re.compile(r"[0-9a-f]{40}")
CONNECT_S = 1.5  # after that long without a connection there is no network
ANSWER_S = 10.0  # for one short answer of a Hub that is there
# what the client raises for a call that could not be carried out; OSError: a full disk, say
CALL_ERRORS = (HTTPError, OSError, HFValidationError)


def fetch(
    repo: str,
    revision: str | None,
    *,
    wanted: Sequence[str],
    is_whole: Callable[[Path], bool],
) -> Path:
    """Find a repository's files in the client's cache, or bring them there.

    A commit that is there as a whole is taken without a look at the network. A branch or tag is
    looked up first, and taken from the cache with a warning where the Hub does not answer.

    Args:
        repo: owner/name.
        revision: A commit, tag or branch; None takes the main branch.
        wanted: Patterns of the files to fetch; the first names one that must be there.
        is_whole: Says whether all files are in a folder that holds that first one.

    Returns:
        The snapshot's folder, named after its commit; its files are links into the cache.

    Raises:
        BundleError: They cannot be had; says why, and what to do.
    """
    found, whole = None, False
    try:
        found = _in_cache(repo, revision, wanted[0])
        whole = found is not None and is_whole(found)
        if whole and COMMIT.fullmatch(revision or ""):
            return found
        return _from_hub(repo, revision, wanted)
    except CALL_ERRORS as error:
        reason = explain(error, repo, revision)
        if whole and _is_no_answer(error):
            log.warning(
                "%s: taking commit %s from the cache; there may be a newer one: %s",
                _source(repo, revision), found.name, reason,
            )  # fmt: skip
            return found
        partly = "" if found is None or whole else " (only a part of it is in the cache)"
        raise BundleError(f"cannot get {_source(repo, revision)}{partly}: {reason}") from error


def explain(error: Exception, repo: str, revision: str | None = None, right: str = "read") -> str:
    """Put an error of the Hub's client into one line: what is wrong; what to do.

    Args:
        error: One of `CALL_ERRORS`.
        repo: owner/name.
        revision: The one that was asked for.
        right: read or write, what the token has to allow.
    """
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, CALL_ERRORS):
        error = error.__cause__  # why it could not be fetched either
    page = f"{constants.ENDPOINT}/{repo}"
    tokens = f"{constants.ENDPOINT}/settings/tokens"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, GatedRepoError):
        return f"it is gated; ask for access at {page}, then log in (hf auth login)"
    if isinstance(error, RevisionNotFoundError):
        return f"it has no revision {revision!r}; take one of {page}/commits/main"
    if isinstance(error, RepositoryNotFoundError):
        return (
            "there is no such repository, or a private one that you may not see; check the name, "
            "or log in (hf auth login)"
        )
    if status == 401:
        return f"the Hub does not know your token; make one at {tokens}, then hf auth login"
    if status == 403:
        return f"your token may not {right} it; give it that right at {tokens}"
    if status == 429:
        return "the Hub has had too many requests from here; try again in some minutes"
    if status >= 500:
        return f"the Hub has a fault of its own (HTTP {status}); try again later"
    if status:
        return f"the Hub refuses (HTTP {status}{_said(error)}); see {page}"
    if isinstance(error, HFValidationError):
        return "that is no name of a repository; expected owner/name"
    or_else = ", or name a folder of this machine" if right == "read" else ""
    if constants.is_offline_mode():
        return f"the variable HF_HUB_OFFLINE forbids to ask the Hub; unset it{or_else}"
    if _is_no_answer(error):
        return f"no answer from {constants.ENDPOINT}; check the network{or_else}"
    if right == "write":
        return f"{_first_line(error)}; make the bundle's files readable"
    return f"{_first_line(error)}; make room in {constants.HF_HUB_CACHE}, or set HF_HOME"


def require_connection() -> None:
    """Try to connect to the Hub, or to the proxy that stands before it, and give up soon.

    The attempt is a thread of its own since neither a name look-up nor a row of addresses, each
    tried in turn, heeds a time limit.

    Raises:
        OSError: There is no connection, or HF_HUB_OFFLINE forbids one.
    """
    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    address = urlsplit(constants.ENDPOINT)
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(address.hostname):
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = address.port or {"http": 80, "https": 443}.get(address.scheme, 1080)
    connected = []

    def connect() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((address.hostname, port), timeout=CONNECT_S).close()
            connected.append(True)

    attempt = Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(CONNECT_S)
    if not connected:
        raise ConnectionError(f"no connection to {address.hostname}:{port}")


def _in_cache(repo: str, revision: str | None, name: str) -> Path | None:
    """Find the snapshot that holds a file; the others may be missing."""
    found = huggingface_hub.try_to_load_from_cache(repo, name, revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def _from_hub(repo: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Ask whether the repository is there, then fetch what the cache lacks of it."""
    require_connection()
    huggingface_hub.HfApi().model_info(repo, revision=revision, timeout=ANSWER_S)
    return Path(
        huggingface_hub.snapshot_download(repo, revision=revision, allow_patterns=list(wanted))
    )


def _is_no_answer(error: Exception) -> bool:
    """Whether the Hub could not be asked, or could not answer; a refusal is an answer."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, (HTTPError, ConnectionError, TimeoutError, LocalEntryNotFoundError))


def _source(repo: str, revision: str | None) -> str:
    return f"hf-hub:{repo}@{revision}" if revision else f"hf-hub:{repo}"


def _said(error: HfHubHTTPError) -> str:
    """What the Hub gave as its reason, without the token, should it be quoted there."""
    said = _first_line(error.server_message or "")
    token = huggingface_hub.get_token()
    return f": {said.replace(token, '***') if token else said}" if said else ""


def _first_line(text: object) -> str:
    return next(iter(str(text).strip().splitlines()), "")[:200].rstrip(".")
