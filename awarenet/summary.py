"""From the evidence to the report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from datetime import datetime, timezone

from awarenet import report as parts
from awarenet.bundle.report import error_rates_at, limits_at, model_of
from awarenet.evidence import Evidence
from awarenet.explain import cam_layers
from awarenet.quality import Facts, assess
from awarenet.quality.refusals import REFUSALS
from awarenet.report import Report
from awarenet.stability import DAMAGES


def with_verdict(evidence: Evidence) -> Report:
    """Put together a report whose score is the deciding person's."""
    ensemble = evidence.bundle.ensemble
    decides, too_brief = evidence.decides()
    score = evidence.scores[decides.id]
    explanation = None
    if evidence.settings.explain.enabled:
        explanation = parts.Explanation(
            method=evidence.settings.explain.method,
            layers=cam_layers(ensemble),
            frames=evidence.explained,
        )
    known = decides.competence
    flips = evidence.stability.flips_under if evidence.stability else []
    facts = Facts(
        kind=evidence.info.kind,
        faces=evidence.measured[decides.id],
        frames_seen=decides.frames_seen,
        people=len(evidence.people),
        people_left_out=evidence.left_out,
        people_too_brief=too_brief,
        faces_too_small=len(evidence.too_small),
        members=ensemble.members_per_family,
        calibrated=evidence.bundle.config.calibration is not None,
        trained_finder=evidence.finder.name == evidence.bundle.config.crop.detector,
        quantization=evidence.quantization,
        distance=known.distance if known else 0.0,
        distance_limit=known.limit if known else None,
        flips_under={name: DAMAGES[name].words for name in flips},
    )
    notices = [
        parts.Notice(code=each.code, message=each.message, values=each.values)
        for each in assess(facts)
    ]
    families = {
        name: parts.Family(
            weight=weight,
            probability=score.families[index],
            members=score.members[index].tolist(),
        )
        if evidence.asked[index].all()
        else parts.Family(weight=weight)
        for index, (name, weight) in enumerate(ensemble.weights.items())
    }
    return _report(
        evidence,
        status="ok",
        verdict=decides.verdict,
        probability=decides.probability,
        interval=decides.interval,
        decided_by=decides.id,
        people=evidence.people,
        families=families,
        early_exit=_early_exit(evidence),
        runtime=evidence.runtime.reason,
        other_votes=evidence.other_votes,
        stability=evidence.stability,
        explanation=explanation,
        warnings=notices + evidence.notices,
    )


def _early_exit(evidence: Evidence) -> parts.EarlyExit | None:
    """Say what was left out; None where nothing was."""
    if evidence.asked.all():
        return None
    faces = sum(len(track.sightings) for track in evidence.tracks.values())
    names = evidence.bundle.ensemble.families
    return parts.EarlyExit(
        families=[name for name, own in zip(names, evidence.asked.all(axis=1), strict=True) if own],
        passes=evidence.passes,
        passes_in_full=faces * evidence.asked.size,
    )


def without_verdict(
    evidence: Evidence,
    status: parts.Status,
    message: str,
    values: Mapping[str, object] | None = None,
) -> Report:
    """Put together a report that says why there is no score, and leaves out what there was.

    Args:
        evidence: Of the file.
        status: Any but "ok".
        message: In English.
        values: What the message names, and its `reason`; see `quality.refusals`.
    """
    weights = evidence.bundle.ensemble.weights
    return _report(
        evidence,
        status=status,
        families={name: parts.Family(weight=weight) for name, weight in weights.items()},
        warnings=[parts.Notice(code=status, message=message, values=dict(values or {}))],
    )


def nobody(evidence: Evidence) -> tuple[parts.Status, str, dict[str, object]]:
    """Say why there is nobody to judge: a status, a sentence, and what the sentence names."""
    status: parts.Status = "no_face"
    values = {"name": evidence.path.name, "frames": evidence.frames}
    if evidence.too_small:
        status = "faces_too_small"
        values["face_px"] = max(evidence.too_small)
        values["limit"] = evidence.settings.faces.min_face_px
    return status, REFUSALS[status].format(**values), {"reason": status, **values}


def _report(evidence: Evidence, **content: object) -> Report:
    """Add what every report has: the input, the model, the settings, times, versions."""
    known = {}
    if evidence.info is not None:
        known = dataclasses.asdict(evidence.info)
        del known["frame_count"]
    known |= {"name": evidence.path.name, "frames_analyzed": evidence.frames}
    total = time.perf_counter() - evidence.started
    return Report(
        threshold=evidence.threshold,
        error_rates=error_rates_at(evidence.bundle, evidence.threshold),
        calibrated=evidence.bundle.config.calibration is not None,
        input=parts.Input(**known, quantization=evidence.quantization, cuts_s=evidence.cuts_s),
        provenance=evidence.provenance,
        limits=limits_at(evidence.bundle, evidence.threshold),
        model=model_of(evidence.bundle),
        settings=evidence.settings.model_dump(mode="json", exclude={"app"}),
        timing_s=parts.Timing(**evidence.spent, total=total),
        versions=parts.package_versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **content,
    )
