"""What was run: the settings that somebody chose, the machine, and the data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trainer.experiments import Experiment
from trainer.manifest import SCHEMA, read_notes
from trainer.run_report.found import damaged, read_if_there
from trainer.run_report.page import Block, Cell, Section, Table, Text, not_run
from trainer.run_report.words import count, listed
from trainer.settings import TrainerSettings
from trainer.splits import PARTS

LONGEST = 300  # letters of a setting or a note; some are whole pages
COUNTED = ["dataset", "method", "label", "split", "clip", "identities"]  # columns of the manifest


def run_section(settings: TrainerSettings, grid: Sequence[Experiment]) -> Section:
    """Settings that differ from their defaults, and what run.json notes."""
    changed = changed_settings(settings)
    blocks: list[Block] = [
        Text(
            f"{len(grid)} ensemble{'s' if len(grid) > 1 else ''}: "
            f"{listed(one.name for one in grid)}. Each has {len(grid[0].members)} networks: "
            f"{settings.ensemble.members} of each family, {listed(grid[0].families)}."
        )
    ]
    if changed:
        caption = "Settings that differ from their defaults"
        blocks.append(Table(caption, ["setting", "here", "default"], changed))
    else:
        blocks.append(Text("Every setting is at its default."))
    noted = read_if_there(grid[0].run / "run.json")
    if noted is None:
        blocks.append(Text("No run.json: what machine and commit this was made with is unknown.",
                           "missing"))  # fmt: skip
    else:
        rows = [(name, value) for name, value in flat(noted) if not name.startswith("settings.")]
        blocks.append(Table("Where and with what it was made (run.json)", ["what", "value"], rows))
    return Section("What was run", blocks)


def changed_settings(settings: TrainerSettings) -> list[tuple[str, str, str]]:
    """Section and key, value here and default of each setting that is not at its default."""
    here, default = (one.model_dump(mode="json") for one in (settings, TrainerSettings()))
    return [
        (f"{section}.{key}", _short(value), _short(default[section][key]))
        for section, keys in here.items()
        for key, value in keys.items()
        if value != default[section][key]
    ]


def flat(content: Mapping, prefix: str = "") -> list[tuple[str, str]]:
    """Names with dots and values in words, of any JSON object."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _short(value)))
    return rows


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} letters)"


def data_section(experiment: Experiment) -> Section:
    """What the manifest holds, and how people were dealt out.

    Raises:
        AwareNetError: The manifest is damaged.
    """
    path, title = experiment.manifest, "The data"
    if not path.is_file():
        return Section(title, [not_run("The table of face crops", "prepare")])
    try:
        schema = pq.read_schema(path)
    except pa.ArrowException as error:
        raise damaged(path, "`prepare`") from error
    if not schema.equals(SCHEMA):
        return Section(title, [Text(f"{path.name} is of another version; run `prepare` again.",
                                    "missing")])  # fmt: skip
    notes = read_notes(path)
    table = pq.read_table(path, columns=COUNTED)
    blocks: list[Block] = [
        Text(
            f"Split by the protocol “{notes.get('protocol', 'not noted')}”: each part of the data "
            "is used for one thing alone. Training fits the networks, validation picks checkpoints "
            "and fits tier 2, calibration and threshold, and only test is reported."
        )
    ]
    blocks += [Text(line, "warning") for line in notes.get("split_warnings", "").splitlines()]
    parts = [*PARTS, *sorted(set(table["split"].unique().to_pylist()) - set(PARTS))]
    caption, head = "Face crops, and the clips that they are from", ["data set", "method", "label"]
    blocks.append(Table(caption, [*head, *parts], _crop_rows(table, parts)))
    blocks.append(Table("People in it", ["data set", *parts], _people_rows(table, parts)))
    return Section(title, blocks)


def _crop_rows(table: pa.Table, parts: Sequence[str]) -> list[list[Cell]]:
    grouped = table.group_by(["dataset", "method", "label", "split"]).aggregate(
        [("clip", "count"), ("clip", "count_distinct")]
    )
    cells: dict[tuple, dict[str, str]] = defaultdict(dict)
    for one in grouped.to_pylist():
        key = (one["dataset"], one["label"], one["method"])
        crops, clips = one["clip_count"], one["clip_count_distinct"]
        cells[key][one["split"]] = f"{count(crops)} ({count(clips)} clips)"
    return [
        [dataset, method, "fake" if label else "real",
         *(found.get(part, "–") for part in parts)]
        for (dataset, label, method), found in sorted(cells.items())
    ]  # fmt: skip


def _people_rows(table: pa.Table, parts: Sequence[str]) -> list[list[Cell]]:
    column = table["identities"].combine_chunks()
    owners = pc.list_parent_indices(column)
    people = pa.table(
        {
            "dataset": table["dataset"].combine_chunks().take(owners),
            "split": table["split"].combine_chunks().take(owners),
            "person": column.flatten(),
        }
    )
    grouped = people.group_by(["dataset", "split"]).aggregate([("person", "count_distinct")])
    cells: dict[str, dict[str, int]] = defaultdict(dict)
    for one in grouped.to_pylist():
        cells[one["dataset"]][one["split"]] = one["person_count_distinct"]
    return [
        [dataset, *(count(found.get(part)) for part in parts)]
        for dataset, found in sorted(cells.items())
    ]
