"""The left side of the page: the file, the buttons, the settings."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gradio as gr

from awarenet import scratch
from awarenet.atomic import written_whole
from awarenet.panels import threshold as threshold_panel
from awarenet.panels.surroundings import privacy
from awarenet.settings import Settings
from awarenet.words import Words
from page.language import label
from page.pieces import SUFFIXES, Html
from page.runner import Chosen, Runner

_copying = threading.Lock()  # two visitors may take the same example at once


@dataclass(frozen=True)
class Controls:
    """What can be chosen before an analysis."""

    frames: gr.Slider
    heat_maps: gr.Checkbox
    stability: gr.Checkbox
    blinks: gr.Checkbox
    threshold: gr.Slider
    meaning: gr.HTML  # of the threshold, in people
    opened: gr.Accordion  # in which that stands

    def inputs(self) -> list[gr.components.Component]:
        """Give them in the order that `chosen` takes."""
        return [self.frames, self.heat_maps, self.stability, self.blinks, self.threshold]


def chosen(
    frames: int, heat_maps: bool, stability: bool, blinks: bool, threshold: float | None
) -> Chosen:
    """Turn what was chosen into settings."""
    wish: Chosen = {
        "sampling": {"frames": int(frames)},
        "explain": {"enabled": bool(heat_maps)},
        "stability": {"enabled": bool(stability)},
        "blinks": {"enabled": bool(blinks)},
    }
    if threshold is not None and threshold > 0:
        wish["verdict"] = {"threshold": float(threshold)}
    return wish


def lay_out(settings: Settings) -> Controls:
    """Lay out the settings of an analysis."""
    with gr.Accordion(label("Settings"), open=False):
        most, start = max(128, settings.sampling.frames), settings.sampling.frames
        frames = gr.Slider(1, most, start, step=1, label=label("Frames (more is steadier)"))
        heat_maps = gr.Checkbox(settings.explain.enabled, label=label("Heat maps (slower)"))
        stability = gr.Checkbox(settings.stability.enabled, label=label("Stability test (slower)"))
        blinks = gr.Checkbox(settings.blinks.enabled, label=label("Count blinks (slower)"))
    with gr.Accordion(label("Threshold in human terms"), open=False) as opened:
        threshold = gr.Slider(
            0, 0.95, max(settings.verdict.threshold, 0), step=0.05,
            label=label("Call it manipulated from (0: as the model was set)"),
        )  # fmt: skip
        meaning = Html()
    return Controls(frames, heat_maps, stability, blinks, threshold, meaning, opened)


def explain_threshold(runner: Runner, threshold: float, say: Words) -> str:
    """Say what a threshold means in people; 0 stands for the model's own."""
    thresholds = runner.detector().bundle.config.thresholds
    return threshold_panel.meaning(thresholds, threshold or thresholds.default, say)


def offer_examples(folder: Path, clip: gr.File) -> None:
    """Offer the clips and pictures of a folder, if there are any: a button each takes one."""
    paths = find_examples(folder)
    if not paths:
        return
    names = {
        "genuine": label("As photographed"),
        "swapped": label("Face swapped"),
        "two_people": label("Two people, one swapped"),
        "rendered": label("A computer-made face"),
        "rendered_swapped": label("A computer-made face, swapped"),
    }
    places = {stem: place for place, stem in enumerate(names)}
    with gr.Accordion(label("Clips of our own making")), gr.Row():
        for path in sorted(paths, key=lambda path: places.get(path.stem, len(places))):
            name = names.get(path.stem, path.stem.replace("_", " "))
            button = gr.Button(name, size="sm", min_width=120)
            button.click(
                partial(take_example, path), None, [clip], queue=False, api_visibility="private",
                show_progress="hidden",
            )  # fmt: skip


def take_example(path: Path) -> str:
    """Give an example's copy, from where Gradio may serve it wherever the page was started."""
    copy = scratch.folder("examples") / path.name
    with _copying:
        if not copy.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(copy) as temporary:
                shutil.copyfile(path, temporary)
    return str(copy)


def find_examples(folder: Path) -> list[Path]:
    """Give the clips and pictures of a folder, sorted; it may be missing."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def say_privacy(kept_s: int) -> gr.HTML:
    """Say what happens to an upload."""
    return Html(privacy(kept_s))
