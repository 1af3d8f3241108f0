"""Where the networks looked, and how far such a heat map is to be trusted.

`maps` draws heat maps by family, `overlays` lays them over the frame, `regions` tells which parts
of the face they cover, `trust` puts them to the test. Import from here.
"""

from awarenet.explain.maps import (
    cam_layers,
    heat_maps,
    maps_by_method,
    member_maps,
)
from awarenet.explain.overlays import PREVIEW_PX, Preview, overlay
from awarenet.explain.regions import (
    REGIONS,
    draw_regions,
    find_regions,
    region_areas,
    region_shares,
)
from awarenet.explain.trust import agreement, deletion
from awarenet.methods import ENSEMBLE, METHODS

__all__ = [
    "ENSEMBLE",
    "METHODS",
    "PREVIEW_PX",
    "REGIONS",
    "Preview",
    "agreement",
    "cam_layers",
    "deletion",
    "draw_regions",
    "find_regions",
    "heat_maps",
    "maps_by_method",
    "member_maps",
    "overlay",
    "region_areas",
    "region_shares",
]
