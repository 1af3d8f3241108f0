"""`python -m awarenet.report [FILE]`: write the report's JSON schema."""

import sys
from pathlib import Path

from awarenet.report.report import write_schema

default = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"
write_schema(sys.argv[1] if len(sys.argv) > 1 else default)
