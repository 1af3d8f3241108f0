"""What stands under the answer: the people, and a tab for each kind of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from awarenet.methods import METHODS
from awarenet.panels import checks, course, families, heat, people
from awarenet.words import Words
from page.language import label
from page.pieces import Html, chooser
from page.runner import Runner

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis


@dataclass(frozen=True)
class Details:
    """The components under the answer."""

    column: gr.Column
    person: gr.Radio
    cards: gr.HTML
    blinks: gr.HTML
    eyes: gr.LinePlot
    course: gr.HTML
    moment: gr.HTML
    vote: gr.HTML
    method: gr.Dropdown
    gallery: gr.Gallery
    slider: gr.ImageSlider
    meaning: gr.HTML
    stability: gr.HTML
    provenance: gr.HTML
    raw: gr.JSON
    download: gr.DownloadButton
    make: gr.Button
    files: gr.File

    def of_person(self) -> list[gr.components.Component]:
        """Give what is filled anew for another person, in the order of `fill_person`."""
        return [
            self.cards, self.blinks, self.eyes, self.course, self.moment, self.vote,
            self.gallery, self.slider, self.meaning,
        ]  # fmt: skip

    def all(self) -> list[gr.components.Component]:
        """Give everything, in the order of `fill`."""
        return [
            self.column, self.person, *self.of_person(), self.stability, self.provenance,
            self.raw, self.files,
        ]  # fmt: skip


def lay_out() -> Details:
    """Lay the tabs out."""
    with gr.Column(visible=False) as column:
        person = gr.Radio(label=label("Person"), visible=False)
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab(label("People"), id="people", render_children=True):
                cards = chooser("person", elem_id="people")
                blinks = Html()
                eyes = gr.LinePlot(
                    x="time_s", y="openness", height=220, x_title="s", y_title="openness",
                    y_lim=[0, 0.45], visible=False,
                )  # fmt: skip
            with gr.Tab(label("Over time"), id="time", render_children=True):
                over_time = chooser("frame", elem_id="course")
                moment = Html(elem_id="moment")
            with gr.Tab(label("Families"), id="families", render_children=True):
                vote = Html()
            with gr.Tab(label("Heat maps"), id="heat", render_children=True):
                choices = [(words.partition(":")[0], name) for name, words in METHODS.items()]
                method = gr.Dropdown(
                    choices, value="gradcam", label=label("Method"), filterable=False
                )
                gallery = gr.Gallery(
                    show_label=False, format="jpeg", height="auto", columns=4, interactive=False,
                    buttons=["download", "fullscreen"], elem_id="heat-maps",
                )  # fmt: skip
                slider = gr.ImageSlider(
                    label=label("Before and after"), format="jpeg", interactive=False, height=360,
                )  # fmt: skip
                meaning = Html()
            with gr.Tab(label("Stability"), id="stability", render_children=True):
                stability = Html()
            with gr.Tab(label("Provenance"), id="provenance", render_children=True):
                provenance = Html()
            with gr.Tab(label("Raw"), id="raw", render_children=True):
                raw = gr.JSON(show_label=False, max_height=480)
        with gr.Row():
            download = gr.DownloadButton(label("Download the report (JSON)"), size="sm")
            make = gr.Button(label("Make HTML, PDF and annotated clip"), size="sm")
        files = gr.File(label=label("Documents"), visible=False, interactive=False, elem_id="files")
    return Details(
        column, person, cards, blinks, eyes, over_time, moment, vote, method, gallery, slider,
        meaning, stability, provenance, raw, download, make, files,
    )  # fmt: skip


def fill(analysis: Analysis, say: Words) -> list:
    """Fill everything under the answer."""
    report = analysis.report
    choices = people.names(report, say)
    person = gr.Radio(choices, value=report.decided_by, visible=len(choices) > 1)
    return [
        gr.Column(visible=True), person, *fill_person(analysis, report.decided_by, say),
        checks.stability(report, say), checks.provenance(report, say), report.to_dict(),
        gr.File(value=None, visible=False),
    ]  # fmt: skip


def fill_person(analysis: Analysis, person: int | None, say: Words) -> list:
    """Fill what differs from person to person."""
    report = analysis.report
    who = next((each for each in report.people if each.id == person), None)
    if who is None:
        nobody = people.cards(report, {}, None, say)
        hidden = gr.ImageSlider(visible=False)
        return [nobody, "", gr.LinePlot(visible=False), nobody, "", nobody, [], hidden, nobody]
    maps = heat.pictures(report, analysis.overlays, person, say)
    plot = gr.LinePlot(
        course.eye_openness(who), visible=who.blinks is not None, x_title=say("Time (s)"),
        y_title=say("Eyes open"),
    )  # fmt: skip
    return [
        people.cards(report, analysis.thumbnails, person, say), people.blinks(report, who, say),
        plot,
        course.course(report, who, say), "",
        families.vote(report, who, say) + families.other_votes(report, say)
        + families.engine(report, say),
        maps, before_after(analysis, maps, person, 0), heat.meaning(report, person, say),
    ]  # fmt: skip


def before_after(
    analysis: Analysis, maps: Sequence[tuple], person: int, chosen: int
) -> gr.ImageSlider:
    """Put the chosen heat map over the same picture without it."""
    own = [each for each in analysis.overlays if each.person == person]
    if not maps or not own:
        return gr.ImageSlider(value=None, visible=False)
    frames = sorted({(each.time_s, each.frame) for each in own})
    frame = frames[min(chosen * len(frames) // len(maps), len(frames) - 1)][1]
    preview = analysis.previews[frame]
    plain = heat.surroundings(
        preview.image(), heat.box_of(analysis.report, person, frame), preview.scale
    )
    return gr.ImageSlider(value=(plain, maps[chosen][0]), visible=True)


def redrawn(
    runner: Runner, analysis: Analysis, person: int | None, method: str, say: Words
) -> tuple:
    """Draw one person's heat maps anew by another method: gallery and slider."""
    frames = [e.frame for e in analysis.overlays if e.person == person]
    if person is None or not frames:
        return [], gr.ImageSlider(visible=False)
    drawn = runner.draw(analysis, person, frames, method)
    maps = heat.pictures(analysis.report, drawn, person, say)
    return maps, before_after(analysis, maps, person, 0)
