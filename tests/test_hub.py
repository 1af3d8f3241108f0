"""Bundles from the Hub, by its real client: pinned, offline once there, refused in plain words."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import huggingface_hub
import pytest
from hub_client import Client
from hub_stand_in import HubStandIn, client_environment

from awarenet.bundle.files import open_source
from awarenet.errors import BundleError

SOON_S = 2.0  # after that a person wonders
LATER = b"# Tiny, later\n"


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(hub):
    yield
    hub.reset()


@pytest.fixture(autouse=True)
def connected(client):
    yield
    client.call("cut_off", how="restore")


@pytest.fixture(scope="module")
def client(hub, tmp_path_factory):
    running = Client(client_environment(hub, tmp_path_factory.mktemp("hf")))
    yield running
    running.close()


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def repo(hub, saved, request) -> str:
    """A repository of its own for each test, with the tiny bundle in it; so is its cache."""
    slug = re.sub(r"[^a-z]+", "-", request.node.originalname)[5:50].strip("-")
    name = f"me/{slug}-{len(hub.repositories)}"
    hub.create(name, **contents(saved))
    return name


def test_a_bundle_is_fetched_whole_and_named_by_its_commit(hub, client, repo, saved):
    found = client.call("open_source", source=f"hf-hub:{repo}").value
    assert found["revision"] == hub.repositories[repo].head.oid
    assert contents(Path(found["path"])) == contents(saved)


def test_a_pinned_bundle_is_fetched_once_and_the_hub_is_not_asked_again(hub, client, repo):
    source = f"hf-hub:{repo}@{hub.repositories[repo].head.oid}"
    first = client.call("load", source=source).value
    assert first["revision"] == hub.repositories[repo].head.oid
    hub.reset()
    assert client.call("load", source=source).value == first
    assert hub.requests == []


def test_a_pinned_bundle_that_is_there_needs_no_network_at_all(hub, client, repo):
    source = f"hf-hub:{repo}@{hub.repositories[repo].head.oid}"
    first = client.call("load", source=source).value
    hub.stop()
    client.call("cut_off", how="forbid")
    again = client.call("load", source=source)
    client.call("cut_off", how="restore")
    assert again.value == first
    assert again.seconds < SOON_S


def test_a_tag_is_looked_up(hub, client, repo):
    commit = hub.repositories[repo].head.oid
    hub.repositories[repo].tags["v1.0"] = commit
    assert client.call("open_source", source=f"hf-hub:{repo}@v1.0").value["revision"] == commit


def test_a_branch_follows_the_hub_while_it_answers(hub, client, repo, saved):
    first = client.call("open_source", source=f"hf-hub:{repo}@main")
    later = hub.repositories[repo].add({**contents(saved), "README.md": LATER}, "later")
    second = client.call("open_source", source=f"hf-hub:{repo}@main")
    assert second.value["revision"] == later.oid != first.value["revision"]
    assert (Path(second.value["path"]) / "README.md").read_bytes() == LATER


@pytest.mark.parametrize("revision", ["", "@main"])
def test_a_branch_comes_from_the_cache_with_a_warning_when_the_hub_is_gone(
    hub, client, repo, revision
):
    first = client.call("open_source", source=f"hf-hub:{repo}{revision}").value
    hub.stop()
    second = client.call("open_source", source=f"hf-hub:{repo}{revision}")
    assert second.value == first
    assert f"taking commit {first['revision']} from the cache" in second.output
    assert second.seconds < SOON_S


def test_a_branch_comes_from_the_cache_with_a_warning_when_the_hub_has_a_fault(hub, client, repo):
    first = client.call("open_source", source=f"hf-hub:{repo}").value
    hub.fail["info"] = 503
    second = client.call("open_source", source=f"hf-hub:{repo}")
    assert second.value == first
    assert "HTTP 503" in second.output


def test_a_branch_is_not_taken_from_the_cache_after_the_hub_has_refused_it(hub, client, repo):
    client.call("open_source", source=f"hf-hub:{repo}")
    del hub.repositories[repo]
    assert "no such repository" in client.call("open_source", source=f"hf-hub:{repo}").error


def refusal(client: Client, source: str, **options: object) -> str:
    answer = client.call("load", source=source, **options)
    assert answer.error, answer.value
    assert "\n" not in answer.error
    assert answer.error.startswith(f"cannot get {source}")
    assert answer.seconds < SOON_S
    return answer.error


def test_without_a_network_a_pinned_bundle_that_is_not_there_is_refused_soon(hub, client):
    hub.stop()
    message = refusal(client, f"hf-hub:me/never-fetched@{'0' * 40}")
    assert f"no answer from {hub.url}; check the network, or name a folder" in message


def test_without_a_network_a_branch_that_is_not_there_is_refused_soon(hub, client):
    hub.stop()
    assert "check the network" in refusal(client, "hf-hub:me/never-fetched")


def test_a_hub_that_swallows_everything_is_given_up_soon(hub, client):
    hub.stop()
    full = socket.create_server(("127.0.0.1", int(hub.url.rpartition(":")[2])), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:  # the queue is full: the next connection is neither taken nor refused
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    message = refusal(client, "hf-hub:me/never-fetched")
    for each in (*waiting, full):
        each.close()
    assert "no answer" in message


def test_names_that_nobody_resolves_are_given_up_soon(client):
    client.call("cut_off", how="stall")
    message = refusal(client, "hf-hub:me/never-fetched")
    client.call("cut_off", how="restore")
    assert "no answer" in message


def test_the_offline_variable_is_named_when_it_is_what_forbids(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BundleError, match="HF_HUB_OFFLINE forbids to ask the Hub; unset it"):
        open_source("hf-hub:me/tiny")


def test_a_repository_that_is_not_there_is_said_to_be_so(client):
    message = refusal(client, "hf-hub:me/nowhere", token="known")
    assert "no such repository" in message
    assert "hf auth login" in message


def test_a_private_repository_asks_for_a_login(hub, client, repo, saved):
    hub.tokens = {"known"}
    hub.repositories[repo].private = True
    assert "log in (hf auth login)" in refusal(client, f"hf-hub:{repo}")
    assert client.call("load", source=f"hf-hub:{repo}", token="known").value["revision"]


def test_a_token_that_the_hub_does_not_know_is_said_to_be_the_trouble(hub, client, repo):
    hub.tokens = {"known"}
    message = refusal(client, f"hf-hub:{repo}", token="stale-secret")
    assert "does not know your token" in message
    assert "stale-secret" not in message


def test_a_token_without_the_right_is_said_to_be_the_trouble(hub, client, repo):
    hub.fail["info"] = 403
    assert "your token may not read it" in refusal(client, f"hf-hub:{repo}", token="known")


def test_a_gated_repository_says_where_to_ask_for_access(hub, client, repo):
    hub.repositories[repo].gated = True
    message = refusal(client, f"hf-hub:{repo}", token="known")
    assert f"gated; ask for access at {hub.url}/{repo}" in message


@pytest.mark.parametrize("revision", ["v9.9", "0" * 40])
def test_a_revision_that_is_not_there_is_said_to_be_so(hub, client, repo, revision):
    message = refusal(client, f"hf-hub:{repo}@{revision}")
    assert f"no revision {revision!r}; take one of {hub.url}/{repo}/commits/main" in message


@pytest.mark.parametrize(
    ("status", "words"), [(503, "HTTP 503"), (429, "too many requests"), (418, "HTTP 418")]
)
def test_other_refusals_are_passed_on_in_a_line(hub, client, repo, status, words):
    hub.fail["info"] = status
    assert words in refusal(client, f"hf-hub:{repo}")


def test_a_name_that_no_repository_can_have_is_refused_without_the_network(hub, client):
    assert "expected owner/name" in refusal(client, "hf-hub:me/a..b")
    assert hub.requests == []


def test_a_download_that_broke_off_is_completed_on_the_next_call(hub, client, repo, saved):
    source = f"hf-hub:{repo}@{hub.repositories[repo].head.oid}"
    hub.fail |= {"resolve": 500}
    hub.fail_after["resolve"] = 4
    assert "fault of its own" in client.call("load", source=source).error
    hub.reset()
    found = client.call("open_source", source=source).value
    assert contents(Path(found["path"])) == contents(saved)
    fetched = [request.path for request in hub.asked("GET", "/resolve/")]
    assert 0 < len(fetched) < len(contents(saved))  # what had come was kept


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("lost", ["mobilenet_v2-1/model.safetensors", "golden.safetensors"])
def test_a_part_of_a_bundle_is_not_taken_for_the_whole_without_a_network(
    hub, client, repo, pinned, lost
):
    commit = hub.repositories[repo].head.oid
    source = f"hf-hub:{repo}@{commit}" if pinned else f"hf-hub:{repo}"
    fetched = client.call("open_source", source=source).value
    (Path(fetched["path"]) / lost).unlink()
    hub.stop()
    assert "only a part of it is in the cache" in refusal(client, source)
    hub.start()
    assert client.call("open_source", source=source).value["files"] == fetched["files"]


def test_a_file_that_was_altered_in_the_cache_is_refused(hub, client, repo):
    source = f"hf-hub:{repo}@{hub.repositories[repo].head.oid}"
    fetched = client.call("open_source", source=source).value
    weights = (Path(fetched["path"]) / "test_resnet-0" / "model.safetensors").resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "was altered" in client.call("load", source=source).error


def test_a_link_out_of_the_cache_is_refused(hub, client, repo, saved):
    source = f"hf-hub:{repo}@{hub.repositories[repo].head.oid}"
    config = Path(client.call("open_source", source=source).value["path"]) / "config.json"
    config.unlink()
    config.symlink_to(saved / "config.json")
    assert f"{config} is a link" in client.call("load", source=source).error


def test_a_slow_hub_is_waited_for(hub, client, repo, saved):
    hub.delay_s = 0.3
    found = client.call("open_source", source=f"hf-hub:{repo}")
    assert contents(Path(found.value["path"])) == contents(saved)
    assert found.seconds > 3 * hub.delay_s  # the repository, its files, at least one of them
