"""Catalogs say every sentence of the page, with its values; the browser's language is picked."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest
import spoken
from hypothesis import given
from hypothesis import strategies as st

from awarenet import words
from awarenet.blinks import NOT_COUNTED
from awarenet.errors import MediaError
from awarenet.provenance.words import REMARKS
from awarenet.quality import MESSAGES, Facts, Measured, assess
from awarenet.quality.refusals import REFUSALS
from awarenet.report import Notice
from awarenet.stability import DAMAGES
from awarenet.words import LANGUAGES, NOTICES, words_for, words_in

FOREIGN = sorted(set(LANGUAGES) - {"en"})
FOLDER = Path(words.__file__).parent
CATALOGS = {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in FOREIGN}
PAIRS = [(name, *pair) for name, catalog in CATALOGS.items() for pair in catalog.items()]
CHINESE = re.compile(r"[\u4e00-\u9fff]")

# Bad in every way at once; a face is dark or overexposed, a file a clip or a picture, never both.
POOR = Measured(face_px=41, sharpness=7, light=0.13, contrast=0.033, turned_deg=52)
CLIP = Facts(
    kind="video", faces=POOR, frames_seen=3, people=4, people_left_out=5, people_too_brief=2,
    faces_too_small=6, members=1, calibrated=False, trained_finder=False, quantization=37,
    distance=9.87, distance_limit=6.54, flips_under={"h264_28": DAMAGES["h264_28"].words},
)  # fmt: skip
PICTURE = Facts(
    kind="image", faces=Measured(200, 400, 0.91, 0.2, 5), frames_seen=1, people=1
)  # fmt: skip
WARNINGS = {each.code: each for facts in (CLIP, PICTURE) for each in assess(facts)}
OTHERS = {**REFUSALS, **NOT_COUNTED, **REMARKS}  # code, or reason -> template


def fields(template: str) -> list[tuple[str, str, str]]:
    """Name, format and conversion of each placeholder of a template, sorted."""
    return sorted(
        (name, form, conversion or "")
        for _, name, form, conversion in Formatter().parse(template)
        if name is not None
    )


def numbers(text: str) -> list[str]:
    """The numbers of a text, whatever their order."""
    return sorted(re.findall(r"\d+(?:\.\d+)?%?", text))


def warning(code: str) -> Notice:
    """A report's warning of this code, from facts."""
    found = WARNINGS[code]
    return Notice(code=code, message=found.message, values=found.values)


def test_each_language_but_english_has_a_catalog_and_no_other_is_there():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == FOREIGN
    assert {words_in(name).language for name in LANGUAGES} == set(LANGUAGES)


@pytest.mark.parametrize("language", FOREIGN)
def test_a_catalog_holds_exactly_what_the_page_says(language):
    said, held = spoken.sentences(), set(CATALOGS[language])
    assert (sorted(said - held), sorted(held - said)) == ([], [])  # missing, unused


@pytest.mark.parametrize("language", FOREIGN)
def test_a_catalog_is_written_in_one_way_so_that_changes_show_line_by_line(language):
    text = json.dumps(CATALOGS[language], sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert (FOLDER / f"{language}.json").read_text("utf-8") == text


def test_a_translation_has_the_placeholders_of_the_english_sentence_and_their_formats():
    changed = [(name, key) for name, key, text in PAIRS if set(fields(text)) != set(fields(key))]
    assert changed == []


def test_every_template_takes_values_of_the_right_kind():
    templates = [*((text, key) for _, key, text in PAIRS), *((key, key) for _, key, _ in PAIRS)]
    for template, key in templates:
        values = {name: 0.5 if form else "@" for name, form, _ in fields(key)}
        said = template.format(**values)
        assert "{" not in said and "}" not in said
        if any(not form for _, form, _ in fields(key)):
            assert "@" in said


def test_no_translation_changes_a_number():
    def plain(template: str) -> list[str]:
        return numbers(re.sub(r"\{[^}]*\}", "@", template))

    assert [(name, key) for name, key, text in PAIRS if plain(text) != plain(key)] == []


def test_a_translation_is_a_whole_sentence_where_the_english_is_one_and_has_no_stray_space():
    stops = {"de": ".", "zh": "。"}
    for language, key, text in PAIRS:
        # the page ends a warning that has no stop, and would do so with a western one
        whole = key.endswith(".") or (language == "zh" and key in NOTICES.values())
        assert whole == text.endswith(stops[language]), (language, key)
        assert text == " ".join(text.split()) != "", (language, key)


def test_what_is_said_in_chinese_has_chinese_words_and_full_width_punctuation():
    for key, text in CATALOGS["zh"].items():
        only_values = not re.search(r"\w{3}", re.sub(r"\{[^}]*\}| of ", "", key))
        assert CHINESE.search(text) or only_values, key
        plain = re.sub(r"\{[^}]*\}", "", text)
        around = rf"{CHINESE.pattern}[,;:?!()]|[,;:?!()]{CHINESE.pattern}"
        assert not re.search(around, plain), key


def test_no_german_sentence_is_left_in_english():
    english = re.compile(r"\b(the|of|and|is|are|this|that|were|with|from)\b")
    assert [key for key, text in CATALOGS["de"].items() if english.search(text)] == []


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("de", "de"),
        ("DE-de", "de"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hant-TW", "zh"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("en;q=0.5, de;q=0.7, zh;q=0.6", "de"),
        ("en;q=0.1,de ; q=0.2", "de"),
        ("de;q=0.8,zh;q=0.8", "de"),  # of equals, the first
        ("fr-FR,fr;q=0.9,zh;q=0.4", "zh"),  # the first that is there
        ("fr,it;q=0.9", "en"),
        ("de;q=0", "en"),  # not wanted
        ("de;q=0.000,zh;q=0.001", "zh"),
        ("zh;Q=0.2,de;Q=0.3", "de"),
        ("*", "en"),
        ("*;q=0.5,de;q=0.1", "de"),
        ("deutsch", "en"),
        ("de_AT", "en"),
        ("de;q=high,zh;q=0.1", "zh"),
        ("de;q=-1,zh;q=2", "en"),
        (",,;q=,de;;,", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_language_that_a_browser_wants_most_is_picked(header, language):
    assert words_for(header).language == language


@given(st.one_of(st.text(), st.text("dezhn-;q=,.01 *\t", max_size=60)))
def test_no_header_whatever_is_in_it_raises(header):
    assert words_for(header).language in LANGUAGES


@pytest.mark.parametrize(
    "bad", ["de" + " " * 60_000 + "x", "de;q=0." + "1" * 60_000, "a-" * 30_000]
)
def test_a_header_made_to_take_long_does_not(bad):
    assert words_for(bad + ",zh").language == "zh"


@given(st.permutations([("de", 3), ("zh", 2), ("en", 1)]))
def test_the_order_of_a_header_matters_less_than_its_weights(wishes):
    assert words_for(",".join(f"{name};q=0.{weight}" for name, weight in wishes)).language == "de"


def test_the_facts_here_bring_every_warning_about():
    assert set(WARNINGS) == set(MESSAGES)


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("code", MESSAGES)
def test_a_warning_is_said_in_another_language_with_the_same_numbers(language, code):
    notice = warning(code)
    said = words_in(language).notice(notice)
    assert said != notice.message
    assert numbers(said) == numbers(notice.message)
    assert words_in("en").notice(notice) == notice.message


def other_notice(code: str) -> Notice:
    """A notice of `OTHERS`, as a report has it: numbers where the template wants them."""
    values = {
        name: 1234567.0 + place if form else f"({name}: {place})"
        for place, (name, form, _) in enumerate(fields(OTHERS[code]))
    }
    # `,` and `g` are for whole numbers and short ones
    values |= {name: 54321 for name, form, _ in fields(OTHERS[code]) if form in (",", "g")}
    message = OTHERS[code].format(**values)
    if code in REFUSALS:  # a report's code is its status, of which there are fewer
        return Notice(code="unreadable", message=message, values={"reason": code, **values})
    return Notice(code=code, message=message, values=values)


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("code", OTHERS)
def test_a_refusal_or_remark_is_said_in_another_language_with_its_values(language, code):
    notice = Notice.model_validate_json(other_notice(code).model_dump_json())
    said = words_in(language).notice(notice)
    assert said != notice.message
    assert numbers(said) == numbers(notice.message)
    for name, value in notice.values.items():
        if name != "reason" and isinstance(value, str):
            assert value in said
    assert words_in("en").notice(notice) == notice.message


def test_no_notice_in_another_language_begins_with_a_name_that_a_capital_would_change():
    begins = [(name, key) for name, key, text in PAIRS if key in NOTICES.values() and text[0] == "{"
              and "{name}" in text.partition("}")[0] + "}"]  # fmt: skip
    assert begins == []


def test_no_two_notices_have_the_same_code():
    assert len(NOTICES) == len(MESSAGES) + len(OTHERS)


def test_thousands_are_apart_as_a_language_has_them():
    values = {"reason": "many_frames", "name": "a.mp4", "limit": 40_000}
    notice = Notice(code="too_long", message="in English", values=values)
    assert "die Datei a.mp4 hat über 40\u202f000 Einzelbilder" in words_in("de").notice(notice)
    assert "文件a.mp4超过40,000帧" in words_in("zh").notice(notice)


def test_an_error_is_said_in_another_language_where_it_says_what_it_is():
    error = MediaError("unreadable", "cannot open a.mp4: there is no such file")
    assert words_in("de").error(error) == str(error)
    error.values = {"reason": "missing", "name": "a.mp4"}
    said = "die Datei a.mp4 lässt sich nicht öffnen: Es gibt sie nicht"
    assert words_in("de").error(error) == said
    assert words_in("en").error(error) == str(error)


def test_sentences_follow_each_other_as_a_language_has_them():
    pair = [("Not read.", {}), ("Signed by {name}.", {"name": "A"})]
    assert words_in("de").joined(pair) == "Nicht gelesen. Signiert von A."
    assert words_in("zh").joined(pair) == "未读取。签名者：A。"
    assert [words_in(name).listed("ab") for name in LANGUAGES] == ["a, b", "a，b", "a, b"]


def test_a_small_face_is_told_in_german_with_its_size():
    said = words_for("de").notice(warning("small_face"))
    assert said.startswith("das Gesicht misst 41 px; unter 96 px ")


def test_the_damages_that_turn_a_verdict_around_are_named_in_the_reader_s_language():
    values = {"damages": "JPEG of quality 50, slight blur", "codes": ["jpeg_50", "blur"]}
    notice = Notice(code="flips", message="in English", values=values)
    assert "(JPEG-Qualität 50, leichte Unschärfe)" in words_in("de").notice(notice)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("no_face", {}),  # of a version that did not give values
        ("no_face", {"reason": ["missing"]}),
        ("no_face", {"reason": "bored", "name": "a"}),
        ("made_up", {"limit": 3}),
        ("small_face", {}),  # of a version that did not give values
        ("small_face", {"face_px": "large", "limit": 96}),
        ("flips", {"damages": "dust"}),
        ("flips", {"damages": "dust", "codes": ["dust"]}),
        ("flips", {"damages": "dust", "codes": None}),
    ],
)
def test_a_warning_that_cannot_be_said_stays_english(code, values):
    notice = Notice(code=code, message="something {odd} happened", values=values)
    assert words_in("de").notice(notice) == "something {odd} happened"


def test_a_sentence_that_no_catalog_has_stays_english_with_its_values():
    for language in LANGUAGES:
        assert words_in(language)("{count} new things", count=3) == "3 new things"
        assert words_in(language)("braces {stay} where nothing is put in") == (
            "braces {stay} where nothing is put in"
        )


def test_sentences_are_said_with_their_values():
    values = {"low": "3%", "high": "17%"}
    said = {name: words_in(name)("interval {low} to {high}", **values) for name in LANGUAGES}
    assert said == {"en": "interval 3% to 17%", "de": "Intervall 3% bis 17%", "zh": "区间3%至17%"}
