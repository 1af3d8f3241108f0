"""The report: everything there is to say about one input, as a value that becomes JSON.

`python -m awarenet.report [FILE]` writes its JSON schema, by default to `docs/report.schema.json`.
Numbers are rounded to six digits when a report is made, so Python and JSON see the same ones; NaN
and infinity are refused. A failure is never a score: where `status` is not `ok`, the verdict, the
probability and the interval are null.
"""

from awarenet.report.checks import (
    Credentials,
    DamagedScore,
    Deletion,
    ExplainedFrame,
    Explanation,
    OtherVote,
    Provenance,
    Stability,
)
from awarenet.report.people import (
    Blink,
    Blinks,
    Competence,
    EyeMoment,
    Moment,
    Person,
    Quality,
    Segment,
)
from awarenet.report.report import (
    EarlyExit,
    ErrorRates,
    Family,
    Input,
    Model,
    Report,
    Timing,
    package_versions,
    report_schema,
    write_schema,
)
from awarenet.report.values import Notice, Status, Verdict, json_safe

__all__ = [
    "Blink",
    "Blinks",
    "Competence",
    "Credentials",
    "DamagedScore",
    "Deletion",
    "EarlyExit",
    "ErrorRates",
    "ExplainedFrame",
    "Explanation",
    "EyeMoment",
    "Family",
    "Input",
    "Model",
    "Moment",
    "Notice",
    "OtherVote",
    "Person",
    "Provenance",
    "Quality",
    "Report",
    "Segment",
    "Stability",
    "Status",
    "Timing",
    "Verdict",
    "json_safe",
    "package_versions",
    "report_schema",
    "write_schema",
]
