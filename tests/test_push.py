"""Bundles to the Hub, by its real client: all of it or nothing, and never the token in any text."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hub_client import Answer, Client
from hub_stand_in import HubStandIn, client_environment
from tiny_bundle import save, tiny_ensemble

TOKEN = "hf_aVerySecretToken"
STEPS = ["info", "create", "refs", "tree", "preupload", "batch", "put", "commit"]


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as running:
        yield running


@pytest.fixture(scope="module")
def client(hub, tmp_path_factory):
    running = Client(client_environment(hub, tmp_path_factory.mktemp("hf")))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def fresh(hub):
    hub.repositories.clear()
    hub.large.clear()
    hub.tokens = {TOKEN}
    yield
    hub.reset()


def settings_of(bundle: Path, **wanted: object) -> dict:
    return {"ensemble": {"bundle": str(bundle)}, "push": {"repo": "me/tiny", **wanted}}


def send(client: Client, bundle: Path, token: str | None = TOKEN, **wanted: object) -> Answer:
    """Push, and see that nothing that was said, logged or raised holds the token."""
    answer = client.call("push", settings=settings_of(bundle, **wanted), token=token)
    for said in (answer.error, answer.output, answer.traceback, str(answer.value)):
        assert TOKEN not in said
    assert "\n" not in answer.error
    return answer


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_push_makes_a_private_repository_and_one_commit_of_the_bundle(hub, client, saved):
    answer = send(client, saved)
    made = hub.repositories["me/tiny"]
    assert made.private
    assert [commit.title for commit in made.commits] == ["initial commit", "Bundle tiny"]
    sent = {path: text for path, text in made.head.files.items() if path != ".gitattributes"}
    assert sent == contents(saved)
    assert answer.value == f"{hub.url}/me/tiny/commit/{made.head.oid}"
    assert f"hf-hub:me/tiny@{made.head.oid}" in answer.output
    assert made.tags == {}


def test_weights_go_the_way_of_large_files_and_the_rest_inside_the_commit(hub, client, saved):
    send(client, saved)
    weights = {text for path, text in contents(saved).items() if path.endswith(".safetensors")}
    assert weights <= set(hub.large.values())
    assert {hashlib.sha256(body).hexdigest() for body in hub.large.values()} == set(hub.large)
    lines = [json.loads(line) for line in hub.asked("POST", "/commit/")[0].body.splitlines()]
    kinds = {line["value"]["path"]: line["key"] for line in lines[1:]}
    assert kinds["README.md"] == "file"
    assert kinds["test_resnet-0/model.safetensors"] == kinds["golden.safetensors"] == "lfsFile"
    assert all("Authorization" not in request.headers for request in hub.asked("PUT", ""))


def test_a_repository_is_public_only_where_that_was_asked_for(hub, client, saved):
    send(client, saved, private=False)
    assert not hub.repositories["me/tiny"].private


def test_a_private_push_does_not_go_into_a_public_repository(hub, client, saved):
    hub.create("me/tiny", private=False)
    assert "me/tiny is public, [push] private is true" in send(client, saved).error
    assert len(hub.repositories["me/tiny"].commits) == 1
    assert hub.asked("POST", "") == []


def test_the_tag_stands_at_the_commit(hub, client, saved):
    send(client, saved, tag="v1.0")
    made = hub.repositories["me/tiny"]
    assert made.tags == {"v1.0": made.head.oid}


def test_a_tag_that_exists_is_refused_before_anything_is_sent(hub, client, saved):
    hub.create("me/tiny", private=True).tags["v1.0"] = "0" * 40
    message = send(client, saved, tag="v1.0").error
    assert "me/tiny has a version v1.0 already, nothing was sent; choose another" in message
    assert hub.asked("POST", "") == hub.asked("PUT", "") == []


def test_a_tag_that_fails_says_that_the_bundle_is_there_and_is_set_by_the_next_push(
    hub, client, saved
):
    hub.fail["tag"] = 500
    message = send(client, saved, tag="v1.0").error
    made = hub.repositories["me/tiny"]
    assert f"the bundle is there as hf-hub:me/tiny@{made.head.oid}, but without its tag" in message
    hub.fail.clear()
    send(client, saved, tag="v1.0")
    assert made.tags == {"v1.0": made.commits[1].oid}
    assert len(made.commits) == 2


def test_pushing_the_same_again_makes_no_commit(hub, client, saved):
    first, second = send(client, saved), send(client, saved)
    assert second.value == first.value
    assert len(hub.repositories["me/tiny"].commits) == 2


def test_a_member_that_the_bundle_lost_goes_in_the_commit_that_brings_the_new_ones(
    hub, client, saved, tmp_path
):
    send(client, saved)
    made = hub.repositories["me/tiny"]
    made.add({**made.head.files, "photo.png": b"\x89", "test_resnet-1/notes.txt": b"mine"}, "notes")
    ensemble = tiny_ensemble()
    for members in ensemble.members.values():
        del members[1]
    ensemble.members_per_family = 1
    save(tmp_path / "less", ensemble, seeds={"test_resnet": [1], "mobilenet_v2": [3]})
    send(client, tmp_path / "less")
    there = set(made.head.files)
    assert there - {".gitattributes"} == {
        *contents(tmp_path / "less"), "photo.png", "test_resnet-1/notes.txt"
    }  # fmt: skip
    assert len(made.commits) == 4


def test_only_the_bundles_own_files_are_sent(hub, client, bundle):
    (bundle / "secrets.txt").write_text("mine", "utf-8")
    (bundle / "test_resnet-0" / "optimizer.bin").write_bytes(b"state")
    send(client, bundle)
    there = hub.repositories["me/tiny"].head.files
    assert "secrets.txt" not in there
    assert "test_resnet-0/optimizer.bin" not in there


@pytest.mark.parametrize("step", STEPS)
def test_a_hub_that_fails_at_any_step_keeps_nothing_and_the_next_push_works(
    hub, client, saved, step
):
    hub.create("me/tiny", private=True)
    hub.fail[step] = 500
    if step == "put":
        hub.fail_after[step] = 1  # half-way through the weights
    message = send(client, saved).error
    assert message.startswith("cannot push to me/tiny: the Hub has a fault of its own (HTTP 500)")
    assert "nothing of the bundle was sent" in message or "taken whole or not at all" in message
    assert len(hub.repositories["me/tiny"].commits) == 1
    hub.fail.clear()
    came = set(hub.large)
    hub.requests.clear()
    assert send(client, saved).value
    assert len(hub.repositories["me/tiny"].commits) == 2
    again = {request.path.split("/")[2] for request in hub.asked("PUT", "")}
    assert not again & came  # what had come was not sent twice


def test_a_fault_that_passes_is_outlived(hub, client, saved):
    hub.fail["put"], hub.fail_times["put"] = 503, 2
    assert send(client, saved).value


def test_somebody_who_pushes_in_the_same_moment_is_not_overwritten(hub, client, saved):
    hub.fail["commit"] = 412
    message = send(client, saved).error
    assert "somebody else has pushed in this moment" in message


def test_without_a_token_the_way_to_one_is_named_and_nobody_is_asked(hub, client, saved):
    message = send(client, saved, token=None).error
    assert "no token" in message and "HF_TOKEN" in message and "hf auth login" in message
    assert hub.requests == []


def test_the_token_of_the_clients_own_login_will_do(hub, saved, tmp_path):
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    alone = Client(client_environment(hub, tmp_path))
    assert send(alone, saved, token=None).value
    alone.close()


@pytest.mark.parametrize("quoted", ["", "you sent {authorization}"])
def test_a_token_that_the_hub_does_not_know_is_said_and_not_shown(hub, client, saved, quoted):
    hub.tokens, hub.echo = {"another"}, quoted
    assert "does not know your token; make one at" in send(client, saved).error
    assert hub.repositories == {}


@pytest.mark.parametrize("quoted", ["", "you sent {authorization}"])
def test_a_token_that_may_only_read_is_said_and_not_shown(hub, client, saved, quoted):
    hub.readers, hub.echo = {TOKEN}, quoted
    assert "your token may not write it; give it that right at" in send(client, saved).error
    assert hub.repositories == {}


@pytest.mark.parametrize(("step", "status"), [("create", 402), ("preupload", 413), ("commit", 422)])
def test_a_refusal_that_quotes_the_token_shows_it_to_nobody(hub, client, saved, step, status):
    hub.fail[step], hub.echo = status, "no: {authorization}"
    message = send(client, saved).error
    assert f"the Hub refuses (HTTP {status}: no: Bearer ***)" in message


def test_without_a_network_a_push_is_given_up_soon(hub, client, saved):
    hub.stop()
    answer = send(client, saved)
    assert f"no answer from {hub.url}; check the network" in answer.error
    assert answer.seconds < 4  # of which the check of the bundle takes most


def test_a_model_card_that_the_hub_refuses_is_said_to_be_the_trouble(hub, client, bundle):
    (bundle / "README.md").write_text("---\ntags: [unclosed\n---\n# Tiny\n", "utf-8")
    assert (
        "the Hub refuses the content: Invalid metadata in README.md" in send(client, bundle).error
    )
    assert len(hub.repositories["me/tiny"].commits) == 1


def test_a_dry_run_shows_everything_and_contacts_nobody(hub, client, saved):
    client.call("cut_off", how="forbid")
    wanted = settings_of(saved, tag="v1.0")
    answer = client.call("push", settings=wanted, dry_run=True, token=TOKEN)
    client.call("cut_off", how="restore")
    assert answer.value is None
    assert hub.requests == []
    assert "me/tiny, private, tag v1.0" in answer.output
    assert "# Tiny" in answer.output
    for path, text in contents(saved).items():
        assert f"{len(text):,}  {path}" in answer.output
    assert TOKEN not in answer.output


def test_a_broken_bundle_is_not_sent(hub, client, bundle):
    weights = bundle / "test_resnet-1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "was altered" in send(client, bundle).error
    assert hub.requests == []


def test_what_is_pushed_and_pulled_judges_a_clip_as_before(hub, client, saved, clips, tmp_path):
    clip = str(clips / "one.mp4")
    before = client.call("analyze", source=str(saved), clip=clip).value
    address = send(client, saved, tag="v1.0").value
    commit = address.rpartition("/")[2]
    source = f"hf-hub:me/tiny@{commit}"
    elsewhere = Client(client_environment(hub, tmp_path / "hf"))
    after = elsewhere.call("analyze", source=source, clip=clip, token=TOKEN).value
    hub.stop()
    offline = elsewhere.call("analyze", source=source, clip=clip).value
    elsewhere.close()
    assert before["status"] == "ok"
    assert before["probability"] == after["probability"] == offline["probability"]
    assert after["people"] == before["people"]
    assert after["model"]["sha256"] == before["model"]["sha256"]
    assert (after["model"]["source"], after["model"]["revision"]) == (source, commit)
    assert any(
        request.method == "GET" and "safetensors" in request.path for request in hub.requests
    )
