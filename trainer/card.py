"""The model card of a bundle: what was measured, and what [card] says of data and people."""

from __future__ import annotations

from pathlib import Path

from trainer.fit import seeds
from trainer.manifest import read_manifest, read_notes
from trainer.metrics import Figure
from trainer.prepare import manifest_hash
from trainer.settings import TrainerSettings

CARD = """---
license: {license}
library_name: timm
pipeline_tag: video-classification
tags: [deepfake-detection, face-swap, ensemble, grad-cam]
---
# {name}

{count} networks in {families} families vote on whether a face was manipulated: the members of a
family are averaged (tier 1), the families are weighed by learned shares (tier 2), after AWARE-NET
(https://arxiv.org/abs/2505.00312). It answers with a calibrated probability and an interval.

{about}

A probability is an opinion, never a proof.

## Networks

| family | ImageNet weights | members | seeds | share of the vote |
|---|---|---|---|---|
{network_rows}

## Data

{data}

{clips}

Split by the protocol `{protocol}` before a face was cut or a fake made (SHA-256 `{split}`):
{split_counts} real crops. {split_warnings}Fakes made here: {kinds}, both faces of a swap from the
same part; `{held_out}` was kept out of training.

**Who is missing.** {missing}

## Calibration and threshold

Platt scaling and the threshold ({threshold:.3f}) were fitted on {fitted_on}. A false-alarm rate
measured on so many people holds for people like them, not for the world.

## Figures

Held-out people only; 95 % bootstrap intervals over people in brackets. *Clean*: face of 120-160 px,
JPEG 75-95 or H.264 CRF 16-23. *Hard*: face of 48-96 px, JPEG 30-60 or CRF 28-36.

AUC on single crops:

| people | kind of fake | AUC | people, crops |
|---|---|---|---|
{crop_rows}

AUC over all kinds, the ensemble against its parts:

| scorer | clean | hard |
|---|---|---|
{member_rows}

Clips, at the threshold that ships. *Portraits*: clips made of held-out people's photographs, one
camera and codec each. *Video*: real clips as they are and swapped by us.

| clips | label | clips | flagged | fake | inconclusive | real | AUC |
|---|---|---|---|---|---|---|---|
{clip_rows}

Flagged means a probability at or above the threshold; the words are the verdicts, which also ask
that the whole interval lies on one side.

## Licences

These weights: {license}. They start from ImageNet weights under {licences}. The rights in the data
stand beside each source above; none of it is in this folder.
"""


UNTOLD = "Nobody has said in [card] sources what this is and what rights there are in it."


def model_card(settings: TrainerSettings, fitted: dict, metrics: dict) -> str:
    """Fill the card in with what was measured."""
    manifest = Path(settings.data.run) / "manifest.parquet"
    rows, notes = read_manifest(manifest), read_notes(manifest)
    warnings = notes.get("split_warnings", "").splitlines()
    real = [row for row in rows if row.label == 0]
    own = [row for row in real if row.dataset not in settings.data.test_photos]
    parts = {part: sum(r.split == part for r in own) for part in ("train", "validation", "test")}
    sources = {row.dataset: sum(r.dataset == row.dataset for r in real) for row in real}
    told = settings.card.sources
    data = "\n".join(
        f"- `{name}`: {count} photographs with a face"
        + (", tested on only" if name in settings.data.test_photos else "")
        + f". {told.get(name, UNTOLD)}"
        for name, count in sorted(sources.items())
    )
    folders = [Path(entry).name for entry in settings.data.videos]
    clips = "\n".join(f"- `{name}`: clips, calibrated and tested on only. {told.get(name, UNTOLD)}"
                      for name in folders)  # fmt: skip
    origins = _origins(settings)
    return CARD.format(
        name=settings.ensemble.name,
        count=len(settings.ensemble.families) * settings.ensemble.members,
        families=len(settings.ensemble.families),
        network_rows="\n".join(
            f"| {family} | {origins[family]} | {settings.ensemble.members} | "
            f"{', '.join(map(str, numbers))} | {fitted['weights'][family]:.3f} |"
            for family, numbers in seeds(settings).items()
        ),
        license=settings.card.license,
        about=settings.card.about.strip(),
        missing=settings.card.missing.strip(),
        data=data,
        clips=clips,
        protocol=notes.get("protocol", "identity"),
        split_warnings="".join(f"**{line}** " for line in warnings),
        split=manifest_hash(manifest)[:16],
        split_counts=", ".join(f"{count} {part}" for part, count in parts.items()),
        kinds=", ".join(settings.forge.kinds),
        held_out=settings.forge.held_out,
        threshold=fitted["threshold"],
        fitted_on=fitted["fitted_on"],
        crop_rows=_crop_rows(metrics["crops"], settings.forge.held_out),
        member_rows="\n".join(
            f"| {name} | {value:.3f} | {metrics['members']['hard'][name]:.3f} |"
            for name, value in metrics["members"]["clean"].items()
        ),
        clip_rows=_clip_rows(metrics["clips"]),
        licences=" and ".join(sorted({text.rpartition(", ")[2] for text in origins.values()})),
    )


def _origins(settings: TrainerSettings) -> dict[str, str]:
    """Where each family's starting weights come from, in words."""
    from trainer.starting_weights import SOURCES

    found = {}
    for family in settings.ensemble.families:
        source = SOURCES.get(family)
        random = settings.train.start == "random" or source is None
        found[family] = (
            "random start, none" if random else
            f"{source.package}=={source.version}, {source.license}"
        )  # fmt: skip
    return found


def _figure(figure: Figure) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _crop_rows(crops: dict, held_out: str) -> str:
    return "\n".join(
        f"| {people} | {kind}{' (unseen)' if kind == held_out else ''} | {_figure(figure)} | "
        f"{figure['people']}, {figure['count']} |"
        for people, kinds in crops.items()
        for kind, figure in kinds.items()
    )


def _clip_rows(clips: dict) -> str:
    rows = []
    for name, result in clips.items():
        for label in ("genuine", "fake"):
            if label in result:
                row = result[label]
                area = _figure(result["auc"]) if "auc" in result and label == "fake" else ""
                rows.append(
                    f"| {name} | {label} | {row['clips']} | {_figure(row['flagged'])} | "
                    f"{row['fake']} | {row['inconclusive']} | {row['real']} | {area} |"
                )
    return "\n".join(rows)
