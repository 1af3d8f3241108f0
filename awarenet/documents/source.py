"""The part of a document that names the file, and tells what the file says of itself."""

from __future__ import annotations

from awarenet.documents.blocks import Block, Bullets, Facts, Section, Text
from awarenet.panels.answer import CREDENTIALS
from awarenet.panels.checks import remarks
from awarenet.report import Credentials, Input, Provenance
from awarenet.view import clock
from awarenet.words import Words

FAR_LETTERS = 0x2E80  # from here on a reader may lack the font: CJK, emoji


def about_input(source: Input, say: Words) -> tuple[tuple[str, str], ...]:
    """Name the file, and what it holds as far as it could be read."""
    rows = [(say("Name"), source.name)]
    if any(ord(letter) >= FAR_LETTERS for letter in source.name):
        rows.append((say("Name in ASCII"), ascii(source.name)[1:-1]))
    rows.append(("SHA-256", source.sha256 or say("not known")))
    if source.kind:
        rows.append((say("Kind"), say("picture" if source.kind == "image" else "video")))
    if source.width and source.height:
        rows.append((say("Size"), f"{source.width} × {source.height} px"))
    if source.rotation_deg:
        turn = say("{degrees}° clockwise to stand upright", degrees=source.rotation_deg)
        rows.append((say("Rotation"), turn))
    if source.kind == "video" and source.duration_s is not None:
        rows.append((say("Duration"), say("{time} (min:s)", time=clock(source.duration_s))))
        fps = say("{fps} frames a second", fps=f"{source.fps:.2f}") if source.fps else "-"
        rows.append((say("Frame rate"), fps))
    if source.codec:
        rows.append((say("Codec"), source.codec))
    if source.quantization is not None:
        step = say(
            "a step of {step} of 255, as the file states it", step=f"{source.quantization:.1f}"
        )
        rows.append((say("Last compression"), step))
    if source.frames_analyzed:
        rows.append((say("Frames analyzed"), str(source.frames_analyzed)))
    if source.cuts_s:
        rows.append((say("Cuts before"), ", ".join(map(clock, source.cuts_s))))
    return tuple(rows)


def provenance(found: Provenance | None, say: Words) -> list[Section]:
    """Tell what the file says of itself, where that was read."""
    if found is None:
        return []
    apart = say(
        "What the file says of itself. Anyone can write metadata, and most sites remove it: it is "
        "no part of the probability."
    )
    blocks: list[Block] = [Text(apart, "quiet"), *_credentials(found, say)]
    if found.remarks:
        blocks.append(Bullets(tuple(remarks(found, say))))
    if found.container:
        blocks.append(Facts(tuple((k, str(v)) for k, v in found.container.items()), small=True))
    return [Section(say("Provenance"), tuple(blocks))]


def _credentials(found: Provenance, say: Words) -> list[Block]:
    signed = found.credentials
    if signed is None:
        words = say(
            "The file carries no Content Credentials."
            if found.looked_for_credentials
            else "Content Credentials were not looked for: c2pa-python is not installed."
        )
        return [Text(words)]
    state = say(CREDENTIALS.get(signed.state, signed.state))
    return [Text(state), Facts(_signature(signed, say))]


def _signature(signed: Credentials, say: Words) -> tuple[tuple[str, str], ...]:
    unknown = say("not known")
    generated = {True: say("yes"), False: say("no"), None: say("it does not say")}
    return (
        (say("Signed by"), signed.signed_by or unknown),
        (say("Signed at"), signed.signed_at or unknown),
        (say("Made with"), signed.made_with or unknown),
        (say("Actions"), ", ".join(signed.actions) or say("none named")),
        (say("Made by AI"), generated[signed.ai_generated]),
        (say("Did not verify"), ", ".join(signed.problems) or say("nothing")),
    )
