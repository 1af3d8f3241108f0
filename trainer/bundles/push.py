"""Send a bundle to the Hugging Face Hub: one commit that holds all of it, and its tag.

What stands on the Hub is always a whole bundle: nothing is sent before it was loaded and checked
here, and everything is sent as one commit, which the Hub takes or does not take. A push that broke
off can be repeated; what is there already is not sent again.

The token is the client's own (HF_TOKEN, or `hf auth login`); it stands in no log and no message.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from awarenet.bundle import load_bundle
from awarenet.bundle.config import CONFIG_FILE, README_FILE, WEIGHTS_FILE
from awarenet.bundle.files import bundle_contents
from awarenet.errors import AwareNetError, SettingsError
from awarenet.hub import ANSWER_S, CALL_ERRORS, COMMIT, explain, require_connection
from trainer.experiments import Experiment, experiments
from trainer.settings import TrainerSettings
from trainer.stamps import needed

log = logging.getLogger(__name__)

_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_TAG = re.compile(r"\w(?:[\w.-]*[\w-])?", re.ASCII)  # of what git takes, no slash and no ".."
_MEMBER = re.compile(r"(\w+-\d+)/.+", re.ASCII)  # a file of a member's folder, FAMILY-INDEX
_CARD_LINES = 15  # of the model card that a dry run shows


@dataclass(frozen=True)
class Shipment:
    """What would be sent, and where."""

    name: str  # of the bundle
    folder: Path
    files: tuple[str, ...]  # relative to `folder`, and to the repository
    repo: str  # owner/name
    private: bool
    tag: str  # empty: none

    def describe(self) -> str:
        """List it, for people."""
        sizes = {name: (self.folder / name).stat().st_size for name in self.files}
        card = (self.folder / README_FILE).read_text("utf-8").splitlines()[:_CARD_LINES]
        return "\n".join(
            [
                f"would send {self.name} from {self.folder} to {self.repo}, "
                f"{'private' if self.private else 'PUBLIC'}, tag {self.tag or 'none'}:",
                *(f"{size:>13,}  {name}" for name, size in sizes.items()),
                f"{sum(sizes.values()):>13,}  bytes in {len(sizes)} files",
                f"{README_FILE} begins:",
                *(f"    {line}" for line in card),
            ]
        )


def push(settings: TrainerSettings, *, dry_run: bool = False) -> str | None:
    """Send the bundle of [push] experiment to [push] repo.

    Args:
        settings: Of the run that made the bundle.
        dry_run: Log what would be sent, and contact nobody.

    Returns:
        Address of the commit; None after a dry run.

    Raises:
        SettingsError: [push] says nothing that can be done.
        AwareNetError: There is no whole bundle, or the Hub does not take it.
    """
    shipment = pack(settings)
    if dry_run:
        log.info("%s", shipment.describe())
        return None
    address, commit = send(shipment)
    log.info("sent: %s", address)
    log.info("run it with: python app.py --set model.source=hf-hub:%s@%s", shipment.repo, commit)
    return address


def pack(settings: TrainerSettings) -> Shipment:
    """Find out what is to be sent, and check all of it, without the network.

    Raises:
        SettingsError: [push] names no repository, no tag or no experiment that there can be.
        AwareNetError: There is no bundle, or it is not whole.
    """
    wanted = settings.push
    try:
        if not _REPO.fullmatch(wanted.repo):
            raise HFValidationError("no owner/name")
        validate_repo_id(wanted.repo)
    except HFValidationError:
        raise SettingsError(
            f"[push] repo = {wanted.repo!r}; expected owner/name on the Hugging Face Hub, as in "
            "--set push.repo=me/awarenet"
        ) from None
    tag = wanted.tag
    if tag and (not _TAG.fullmatch(tag) or ".." in tag or tag == "main" or COMMIT.fullmatch(tag)):
        raise SettingsError(f"[push] tag = {tag!r}; expected a name of a version, as v1.0")
    folder = _chosen(settings).bundle
    needed(folder / CONFIG_FILE, "bundle")
    config = load_bundle(folder).config
    files = bundle_contents(config)
    needed(folder / README_FILE, "bundle")
    return Shipment(config.name, folder, tuple(files), wanted.repo, wanted.private, tag)


def send(shipment: Shipment) -> tuple[str, str]:
    """Put a bundle on the Hub.

    Returns:
        Address of the commit, and its hash.

    Raises:
        AwareNetError: The Hub cannot be reached or refuses; nothing of the bundle can be seen
            there then, unless the message says so.
    """
    repo, api = shipment.repo, HfApi()
    undone = "nothing of the bundle was sent"
    try:
        if huggingface_hub.get_token() is None:
            raise AwareNetError(
                "no token for the Hugging Face Hub; set HF_TOKEN, or log in (hf auth login)"
            )
        require_connection()
        _check_repository(api, shipment)
        api.create_repo(repo, private=shipment.private, exist_ok=True)
        head = api.model_info(repo, timeout=ANSWER_S).sha
        there = api.list_repo_files(repo, revision=head)
        undone = "a commit is taken whole or not at all; push again, what came is not sent twice"
        commit = api.create_commit(
            repo,
            [
                *(CommitOperationAdd(n, str(shipment.folder / n)) for n in shipment.files),
                *(CommitOperationDelete(name) for name in stale_files(there, shipment.files)),
            ],
            commit_message=f"Bundle {shipment.name}",
            parent_commit=head,  # refused, should somebody else push in this moment
        )
        if shipment.tag:
            undone = f"the bundle is there as hf-hub:{repo}@{commit.oid}, but without its tag"
            api.create_tag(repo, tag=shipment.tag, revision=commit.oid)
    except (*CALL_ERRORS, RuntimeError, ValueError) as error:
        # without the cause, which may quote what was sent
        raise AwareNetError(f"cannot push to {repo}: {_reason(error, repo)} ({undone})") from None
    return str(commit.commit_url), commit.oid


def stale_files(there: Iterable[str], sent: Iterable[str]) -> list[str]:
    """Files of members that a repository holds from an older bundle, and the new one lacks.

    What people put beside a bundle, or into one of its folders, is theirs and stays.

    Args:
        there: Paths in the repository.
        sent: Paths of the new bundle.
    """
    there, sent = set(there), set(sent)
    folders = {match[1] for path in there if (match := _MEMBER.fullmatch(path))}
    members = {folder for folder in folders if f"{folder}/{WEIGHTS_FILE}" in there}
    parts = {f"{folder}/{name}" for folder in members for name in (CONFIG_FILE, WEIGHTS_FILE)}
    return sorted(parts & there - sent)


def _chosen(settings: TrainerSettings) -> Experiment:
    """Find the experiment whose bundle is to be sent."""
    grid = {one.name: one for one in experiments(settings)}
    wanted = settings.push.experiment or (next(iter(grid)) if len(grid) == 1 else "")
    if wanted not in grid:
        raise SettingsError(f"[push] experiment = {wanted!r}; expected one of {', '.join(grid)}")
    return grid[wanted]


def _check_repository(api: HfApi, shipment: Shipment) -> None:
    """Refuse a repository in which the push would not become what was asked for."""
    try:
        found = api.model_info(shipment.repo, timeout=ANSWER_S)
    except RepositoryNotFoundError:
        return  # it is made
    if shipment.private and not found.private:
        raise AwareNetError(
            f"{shipment.repo} is public, [push] private is true; make it private in its settings "
            "on the Hub, or set push.private=false, or name another [push] repo"
        )
    if found.private and not shipment.private:
        log.warning("%s is private on the Hub and stays so", shipment.repo)
    tags = {each.name for each in api.list_repo_refs(shipment.repo).tags}
    if shipment.tag in tags:
        raise AwareNetError(
            f"{shipment.repo} has a version {shipment.tag} already, nothing was sent; choose "
            "another [push] tag, or delete that one on the Hub"
        )


def _reason(error: Exception, repo: str) -> str:
    """Put what the client raised into words."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__  # its threads wrap what went wrong
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 412:
        return "somebody else has pushed in this moment; look at what came, then push again"
    if isinstance(error, CALL_ERRORS):
        return explain(error, repo, right="write")
    if isinstance(error, json.JSONDecodeError):
        return "the answer is none of a Hub; check HF_ENDPOINT and the network"
    if type(error) is ValueError:  # how the client says that the Hub finds fault with the content
        said, token = " ".join(str(error).split()), huggingface_hub.get_token()
        return f"the Hub refuses the content: {said.replace(token, '***') if token else said}"
    raise error
