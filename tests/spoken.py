"""Every English sentence that the page says: what the catalogs have to hold."""

import ast
from pathlib import Path

from awarenet.blinks import INDICATIONS, NOT_COUNTED
from awarenet.explain.regions import REGIONS
from awarenet.methods import ENSEMBLE, METHODS
from awarenet.panels import answer, checks, course, families, heat
from awarenet.provenance.words import REMARKS
from awarenet.quality import LIMITS, MESSAGES
from awarenet.quality.own_limits import OWN_LIMITS
from awarenet.quality.refusals import REFUSALS
from awarenet.stability import DAMAGES
from awarenet.view import NO_ANSWER, OUR_FAULT, VERDICTS

ROOT = Path(__file__).resolve().parent.parent


def literals() -> set[str]:
    """Texts that stand in a call of `say` or `label`."""
    found = set()
    for path in [*(ROOT / "page").glob("*.py"), *(ROOT / "awarenet/panels").glob("*.py"),
                 *(ROOT / "awarenet/documents").glob("*.py"), ROOT / "app.py",
                 ROOT / "awarenet/view.py"]:  # fmt: skip
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("say", "label") and node.args:
                    first = node.args[0]
                    branches = (
                        [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                    )
                    found |= {
                        each.value for each in branches
                        if isinstance(each, ast.Constant) and isinstance(each.value, str)
                    }  # fmt: skip
    return found


def stages() -> set[str]:
    """What a progress line says."""
    found = set()
    for path in (ROOT / "awarenet/stages").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Progress":
                found.add(node.args[3].value)
    return found


def tables() -> set[str]:
    """Texts that stand in tables."""
    return {
        *VERDICTS.values(), *(text for pair in NO_ANSWER.values() for text in pair), OUR_FAULT,
        *answer.FOUND.values(), answer.OUTSIDE, *families.VOTES.values(), families.NOTE,
        *families.OTHER_VOTES.values(), *filter(None, families.CHOICES.values()),
        course.NOTE, heat.NOTE, heat.NO_EVIDENCE, heat.TOGETHER, *checks.CREDENTIALS.values(),
        *(damage.words for damage in DAMAGES.values()), *MESSAGES.values(), *LIMITS,
        *METHODS.values(), *REGIONS, *OWN_LIMITS.values(), *REFUSALS.values(),
        *INDICATIONS.values(), *NOT_COUNTED.values(), *REMARKS.values(),
    } - {ENSEMBLE}  # fmt: skip


def sentences() -> set[str]:
    """All of them."""
    return literals() | stages() | tables()
