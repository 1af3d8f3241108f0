"""Every setting of the detector, and how settings are read.

The trainer adds its sections in a subclass of `Settings`.
"""

from awarenet.settings.loading import load_settings
from awarenet.settings.sections import (
    ROOT,
    AppSettings,
    BlinkSettings,
    ExplainSettings,
    FaceSettings,
    LimitSettings,
    ModelSettings,
    ProvenanceSettings,
    RuntimeSettings,
    SamplingSettings,
    Section,
    Settings,
    StabilitySettings,
    VerdictSettings,
)

__all__ = [
    "AppSettings",
    "BlinkSettings",
    "ExplainSettings",
    "FaceSettings",
    "LimitSettings",
    "ModelSettings",
    "ProvenanceSettings",
    "ROOT",
    "RuntimeSettings",
    "SamplingSettings",
    "Section",
    "Settings",
    "StabilitySettings",
    "VerdictSettings",
    "load_settings",
]
