"""The first tab: one clip, its answer, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

from awarenet.errors import Canceled
from awarenet.panels import answer as cards
from awarenet.panels import course, heat
from awarenet.panels.surroundings import note as limits
from awarenet.panels.surroundings import preview as shown
from awarenet.panels.surroundings import privacy
from awarenet.settings import Settings
from awarenet.words import Words
from page import controls, details
from page.documents import make_documents, report_file
from page.language import label, spoken_by
from page.line import Waiting
from page.pieces import Html, stage, told, upload, waiting_card
from page.runner import Answer, Runner

TO_ANSWER = "() => {window.answer.scrollIntoView({block: 'nearest'}); return []}"
QUIET = {"api_visibility": "private", "show_progress": "hidden"}
NOW = {**QUIET, "queue": False}
STOPPED = "stopped"  # in the place of an answer's key


class ClipTab:
    """One clip at a time: layout, and what happens on it."""

    def __init__(self, runner: Runner, settings: Settings, examples: Path, kept_s: int):
        """Lay the tab out in the current block."""
        self._runner, self._kept_s = runner, kept_s
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                self.clip = upload(label=label("Clip or picture"), height=130)
                self.preview = Html()
                with gr.Row():
                    go = gr.Button(label("Analyze"), variant="primary", scale=2, min_width=140)
                    stop = gr.Button(label("Stop"), scale=1, min_width=80)
                self.controls = controls.lay_out(settings)
                controls.offer_examples(examples, self.clip)
                self.privacy = controls.say_privacy(kept_s)
            with gr.Column(scale=7, min_width=320):
                self.progress = Html(elem_id="progress")
                self.answer = Html(cards.welcome_card(), elem_id="answer")
                self.details = details.lay_out()
        self.note = Html(limits())
        self.key = gr.State("")
        self._wire(go, stop)

    def statics(self) -> list[gr.components.Component]:
        """Give what stands here from the start, in the order of `static`."""
        return [self.answer, self.note, self.privacy]

    def static(self, say: Words) -> list:
        """Say what stands here from the start; English does already."""
        if say.language == "en":  # and a slow line must not take a first answer away
            return [gr.skip()] * 3
        return [cards.welcome_card(say), limits(None, say), privacy(self._kept_s, say)]

    def _wire(self, go: gr.Button, stop: gr.Button) -> None:
        on, clip = self.details, self.clip
        run = go.click(None, js=TO_ANSWER, **NOW).then(
            self.analyze, [clip, *self.controls.inputs()],
            [self.progress, self.answer, self.key, self.note, on.download, *on.all()],
            **QUIET,
        )  # fmt: skip
        # what is shown as stopped can be started again: Gradio lets no second run begin before
        # the first one's end, and `cancels` would end whichever is on when its answer is back
        run.then(self.conclude, [self.key], [self.progress, self.answer], **NOW)
        stop.click(self.halt, None, [self.progress], **NOW)
        clip.change(None, cancels=[run])  # before `choose`: after it, a new run could be hit
        cleared = [self.preview, self.progress, self.answer, self.key, self.note, on.column]
        clip.change(self.choose, [clip], cleared, **NOW)
        on.person.input(self.choose_person, [self.key, on.person], on.of_person(), **NOW)
        on.cards.click(self.click_person, [self.key], [on.person, *on.of_person()], **NOW)
        on.course.click(
            self.click_moment, [self.key], [on.moment], concurrency_id="draw", concurrency_limit=1,
            **QUIET,
        )  # fmt: skip
        on.method.input(
            self.choose_method, [self.key, on.person, on.method], [on.gallery, on.slider],
            concurrency_id="draw", concurrency_limit=1, show_progress_on=[on.gallery],
            api_visibility="private",
        )  # fmt: skip
        on.gallery.select(self.choose_map, [self.key, on.person, on.gallery], [on.slider], **NOW)
        on.make.click(
            make_documents(self._runner), [self.key, clip], [on.files], concurrency_limit=1,
            api_visibility="private", show_progress_on=[on.make],
        )  # fmt: skip
        threshold, meaning = self.controls.threshold, self.controls.meaning
        for asked in (threshold.change, self.controls.opened.expand):
            asked(self.explain_threshold, [threshold], [meaning], **NOW)

    def analyze(
        self,
        clip: str | None,
        frames: int,
        heat_maps: bool,
        stability: bool,
        blinks: bool,
        threshold: float,
        request: gr.Request,
    ) -> Iterator[list]:
        """Judge one clip or picture, and fill the page as more is known."""
        say = spoken_by(request)
        if not clip:
            raise gr.Error(say("Choose a clip or a picture first."), print_exception=False)
        name, failure, waited = Path(clip).name, None, False
        wish = controls.chosen(frames, heat_maps, stability, blinks, threshold)
        session = request.session_hash
        skip = [gr.skip()] * (3 + len(self.details.all()))
        hidden = ["", limits(None, say), gr.skip(), gr.Column(visible=False)]
        hidden += [gr.skip()] * (len(self.details.all()) - 1)
        try:
            yield ["", cards.working_card(name, say), *hidden]
            for event in self._runner.analyze(clip, wish, session):
                if isinstance(event, Answer):
                    with report_file(event.analysis.report) as file:
                        yield self._filled(event, file, say)
                elif hasattr(event, "analysis"):
                    yield [gr.skip(), cards.verdict_card(event.analysis.report, say), *skip]
                elif isinstance(event, Waiting):
                    waited = True
                    yield ["", waiting_card(event, name, say), *skip]
                else:
                    line, partial = stage(event, say), event.partial
                    card = cards.working_card(name, say) if waited else gr.skip()
                    waited = False
                    if partial is not None:
                        card = cards.forming_card(name, partial.probability, partial.faces, say)
                    yield [line, card, *skip]
        except Canceled:
            yield [gr.skip(), gr.skip(), STOPPED, *skip[1:]]
        except Exception as error:
            failure = told(error, say)
        if failure:
            yield ["", cards.failed_card(failure, say), *skip]
            raise gr.Error(escape(failure), print_exception=False)  # Gradio renders it as HTML

    def _filled(self, answer: Answer, file: str, say: Words) -> list:
        report = answer.analysis.report
        return [
            cards.kept_note(report, say) if answer.at_once else "",
            cards.verdict_card(report, say), answer.key, limits(report, say),
            gr.DownloadButton(value=file), *details.fill(answer.analysis, say),
        ]  # fmt: skip

    def halt(self, request: gr.Request) -> str | dict:
        """Stop this session's run within a frame, not only at its next sign of life."""
        if not self._runner.halt(request.session_hash, "analyze"):
            return gr.skip()
        return cards.stopping(spoken_by(request))

    def conclude(self, key: str, request: gr.Request) -> tuple:
        """Say that a run was stopped, once another one may begin."""
        if key != STOPPED:
            return gr.skip(), gr.skip()
        return "", cards.stopped_card(spoken_by(request))

    def choose(self, path: str | None, request: gr.Request) -> list:
        """Show the new file, and take the answer on the old one and that one itself away."""
        self.halt(request)
        self._runner.uploads.hold((request.session_hash, "clip"), [path] if path else [])
        say = spoken_by(request)
        return [
            shown(path, say), "", cards.welcome_card(say), "", limits(None, say),
            gr.Column(visible=False),
        ]  # fmt: skip

    def choose_person(self, key: str, person: int, request: gr.Request) -> list:
        """Show another person in every tab."""
        return details.fill_person(self._kept(key, request), person, spoken_by(request))

    def click_person(self, key: str, event: gr.EventData, request: gr.Request) -> list:
        """Show the person whose card was clicked in every tab."""
        person = int(event.person)
        return [person, *self.choose_person(key, person, request)]

    def click_moment(self, key: str, event: gr.EventData, request: gr.Request) -> str:
        """Show the frame of a clicked point, with its boxes and its heat map."""
        analysis, say = self._kept(key, request), spoken_by(request)
        who, frame = int(event.person), int(event.frame)
        report = analysis.report
        person = next(each for each in report.people if each.id == who)
        moment = next(each for each in person.timeline if each.frame == frame)
        if frame not in analysis.previews:
            return course.moment_card(report, person, moment, None, say)
        preview = analysis.previews[frame]
        heated = self._runner.draw(analysis, who, [frame], "gradcam")[0].image
        close = heat.surroundings(heated, moment.box, preview.scale)
        both = course.side_by_side(course.framed(report, frame, preview), close)
        return course.moment_card(report, person, moment, both, say)

    def choose_method(
        self, key: str, person: int | None, method: str, request: gr.Request
    ) -> tuple:
        """Draw the heat maps anew by another method."""
        analysis = self._kept(key, request)
        return details.redrawn(self._runner, analysis, person, method, spoken_by(request))

    def choose_map(
        self, key: str, person: int | None, maps: list, event: gr.SelectData, request: gr.Request
    ) -> gr.ImageSlider:
        """Put the clicked heat map on the slider."""
        return details.before_after(self._kept(key, request), maps, person, event.index)

    def explain_threshold(self, threshold: float, request: gr.Request) -> str:
        """Say what the threshold means in people."""
        return controls.explain_threshold(self._runner, threshold, spoken_by(request))

    def _kept(self, key: str, request: gr.Request):
        found = self._runner.kept().get(key) if key else None
        if found is None:
            say = spoken_by(request)
            words = say("This answer is not kept any more; analyze the clip again.")
            raise gr.Error(words, print_exception=False)
        return found
