"""Reports that stand up later: an analysis as a page, as paper, and as the clip with its boxes.

`html`, `pdf` and `annotate` make one document each, `write` all of them in a folder.
"""

from awarenet.documents.clip import annotate
from awarenet.documents.page import html
from awarenet.documents.paper import pdf
from awarenet.documents.writing import write

__all__ = ["annotate", "html", "pdf", "write"]
