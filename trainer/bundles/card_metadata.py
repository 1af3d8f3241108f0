"""What the Hugging Face Hub reads at the head of a model card: license, origins, measured figures.

Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md (`model-index` for results).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import timm
from huggingface_hub import EvalResult, ModelCardData

from awarenet.zoo import get_spec
from trainer.ensembles import TWO_TIERS
from trainer.evaluation.metrics import Figure
from trainer.experiments import experiments
from trainer.json_files import read_json
from trainer.provenance import RECORD_FILE, hardware_in_words
from trainer.settings import TrainerSettings
from trainer.starting_weights import SOURCES

TAGS = ["deepfake-detection", "face-swap", "ensemble", "grad-cam"]
TASK = "video-classification"


def card_metadata(
    settings: TrainerSettings,
    metrics: dict,
    datasets: Sequence[str] | None = None,
    scorer: str = TWO_TIERS,
    random: Collection[str] = (),
) -> str:
    """Write the block of YAML that a model card begins with.

    Args:
        settings: Of the run.
        metrics: What metrics.json of the experiment holds.
        datasets: Names of the data sets that it learned from; None takes all of the grid.
        scorer: The ensemble that the bundle holds: its figures are told.
        random: Families that began with random weights.

    Returns:
        The block with the lines of dashes around it. Figures are AUC on clips, one a data set;
        time and hardware stand there where run.json has them.
    """
    if datasets is None:
        datasets = dict.fromkeys(name for one in experiments(settings) for name in one.datasets)
    results = [*_of_sets(metrics.get("sets") or {}, scorer), *_of_clips(metrics.get("clips") or {})]
    data = ModelCardData(
        license=settings.card.license,
        library_name="timm",
        pipeline_tag=TASK,
        tags=list(TAGS),
        base_model=_base_models(settings, random) or None,
        datasets=[_slug(name) for name in datasets] or None,
        metrics=["roc_auc"] if results else None,
        model_name=settings.ensemble.name,
        eval_results=results or None,
        **_effort(settings),
    )
    return f"---\n{data.to_yaml().strip()}\n---\n"


def _of_sets(sets: dict, scorer: str) -> list[EvalResult]:
    """Results on data sets."""
    return [
        _result(name, found["protocol"], auc)
        for name, found in sets.items()
        if (auc := found["clips_level"].get(scorer, {}).get("auc"))
    ]


def _of_clips(clips: dict) -> list[EvalResult]:
    """Results on clips made of held-out people's portraits, and on clips swapped by us.

    Rows of a single person are left out: they have no interval, so they claim too much.
    """
    return [
        _result(name, "clips of people who were not learned from, fakes made by us", auc)
        for name, found in clips.items()
        if (auc := found.get("auc")) and auc["people"] > 1
    ]


def _result(name: str, protocol: str, auc: Figure) -> EvalResult:
    return EvalResult(
        task_type=TASK,
        dataset_type=_slug(name),
        dataset_name=f"{name} ({protocol})",
        dataset_split="test",
        metric_type="roc_auc",
        metric_value=auc["value"],
        metric_name=f"AUC on clips; 95 % interval {auc['low']:.3f} to {auc['high']:.3f} over "
        f"{auc['people']} people",
    )


def _base_models(settings: TrainerSettings, random: Collection[str]) -> list[str]:
    """Repositories on the Hub that the training started from; packages elsewhere are none."""
    if settings.train.start == "random":
        return []
    families = settings.ensemble.families
    of_timm = [one for one in families if one not in SOURCES and one not in random]
    found = [timm.get_pretrained_cfg(get_spec(family).timm_name) for family in of_timm]
    return [each.hf_hub_id for each in found if each is not None and each.hf_hub_id]


def _effort(settings: TrainerSettings) -> dict[str, object]:
    """What the training took, where it was measured."""
    try:
        record = read_json(Path(settings.data.run) / RECORD_FILE)
        seconds = record["stages"]["train"]
        return {
            "training_hours": round(seconds / 3600, 2),
            "training_hardware": hardware_in_words(record["hardware"]),
        }
    except (FileNotFoundError, KeyError):
        return {}


def _slug(name: str) -> str:
    """A name as the Hub takes it for a data set's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"
