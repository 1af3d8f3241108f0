"""What tests need that pip does not install."""

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
