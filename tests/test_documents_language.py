"""Page and paper in the reader's language: none of our own words stays English."""

import re
from html.parser import HTMLParser

import documented
import numpy as np
import pypdfium2
import pytest
import spoken

from awarenet import documents
from awarenet.blinks import indication
from awarenet.pipeline import Analysis
from awarenet.quality.own_limits import OWN_LIMITS
from awarenet.report import Report
from awarenet.words import Words, words_in

SEEN = ("title", "p", "h1", "h2", "h3", "li", "dt", "dd", "th", "td", "figcaption", "caption",
        "text", "span", "footer")  # fmt: skip
# what a file, a bundle and its settings are called, and what they say
NAMES = re.compile(
    r"\.mp4|h264|tiny|more noise|noise|assets/demo|efficientnet_lite0|mobilenet_v2|SHA-256|"
    r"\b[0-9a-f]{7,}\b|"
    r"encoder|Lavf61|54 clips|gradcam|verdict\.confidence|faces\.detector|retinaface|torch|"
    r"awarenet|No camera is named|A probability is an opinion|T03:04:05|-01-02|interview"
)


class Reader(HTMLParser):
    """Collects the words of a page, and those for people who do not see it."""

    def __init__(self, page: str):
        super().__init__()
        self.words, self.language, self._inside = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.language = given.get("lang", self.language)
        self.words += [given[name] for name in ("alt", "aria-label") if name in given]
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if self._inside and self._inside[-1] in SEEN:
            self.words.append(data)


def full() -> Analysis:
    """An analysis with everything in it, blinks and lines of the bundle's own too."""
    analysis = documented.whole()
    content = analysis.report.to_dict()
    interval = (2.0, 40.0)
    content["people"][0]["blinks"] = {
        "blinks": [{"time_s": 2.4, "duration_s": 0.2}, {"time_s": 6.2, "duration_s": 0.2}],
        "seconds": 11.0, "per_minute": 10.9, "interval": interval, "timeline": [],
        "indication": indication(2, 11.0, interval, 0.9),
    }  # fmt: skip
    values = {"threshold": 0.55, "false_alarms": 0.04, "detected": 0.87, "data": "54 clips"}
    content["limits"] += [
        OWN_LIMITS["trained_on"].format(data="noise"), OWN_LIMITS["rates"].format(**values),
    ]  # fmt: skip
    remark = {"code": "software", "message": "It names the software tiny.",
              "values": {"software": "tiny"}}  # fmt: skip
    content["provenance"]["remarks"].append(remark["message"])
    content["provenance"]["notices"] = [remark]
    content["input"]["rotation_deg"] = 90
    content["warnings"] = [
        {"code": "several_people", "message": "2 people were scored", "values": {"people": 2}}
    ]
    return Analysis(
        Report.model_validate(content), analysis.overlays, analysis.faces, analysis.previews
    )


def bracketed() -> Words:
    """A language that puts every sentence of ours into brackets."""
    return Words("de", {sentence: f"⟦{sentence}⟧" for sentence in spoken.sentences()})


def unsaid(text: str) -> str:
    """What stands outside of brackets, which may stand in each other."""
    while (less := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = less
    return NAMES.sub("", text)


@pytest.mark.parametrize("people", [True, False])
def test_every_word_of_the_page_goes_through_the_catalog(people):
    values = {"reason": "no_face", "name": "interview.mp4", "frames": 3}
    refusal = {"code": "no_face", "message": "no face", "values": values}
    report = documented.report(status="no_face", warnings=[refusal])
    page = documents.html(full() if people else Analysis(report), bracketed())
    left = [text for text in Reader(page).words if re.search(r"[A-Za-z]{3}", unsaid(text))]
    assert left == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", ["Wahrscheinlich manipuliert", "Schwellwert 55%", "Die Datei nennt als Software",
                "2 Lidschläge in 11 s", "womit sie trainiert wurden: noise.", "ausschlaggebend",
                "Einen Schwellwert von 0.55 erreichten 4%", "2 Personen wurden bewertet"]),
        ("zh", ["很可能经过篡改", "阈值55%", "文件注明的软件为tiny", "11秒内眨眼2次",
                "这些网络只认识训练时用过的内容：noise", "（决定结论）",
                "有4%的真实样本和87%的篡改样本达到该值", "共评判2人"]),
    ],
)  # fmt: skip
def test_page_and_paper_are_in_the_language_and_say_so(language, said):
    say = words_in(language)
    reader = Reader(documents.html(full(), say))
    assert reader.language == language
    printed = documents.pdf(full(), say)
    assert f"/Lang ({language})".encode() in printed
    paper = pypdfium2.PdfDocument(printed)
    pages = "".join(page.get_textpage().get_text_bounded() for page in paper)
    paper.close()
    for text in ("".join(reader.words), pages):
        flat = re.sub(r"\s+", "", text)
        assert [words for words in said if re.sub(r"\s+", "", words) not in flat] == []


def test_no_word_on_chinese_paper_runs_over_the_edge_or_is_a_box():
    paper = pypdfium2.PdfDocument(documents.pdf(full(), words_in("zh")))
    for page in paper:
        width, text = page.get_width(), page.get_textpage()
        boxes = np.array([text.get_charbox(n) for n in range(text.count_chars())])
        assert boxes[:, 0].min() > 20 and boxes[:, 2].max() < width - 20
        assert "□" not in text.get_text_bounded()
    paper.close()
