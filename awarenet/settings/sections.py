"""The sections of the detector's settings: name, default, range and meaning of each key.

The comment above a field is the comment above its key in settings.toml; a test holds the two
equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).resolve().parents[2]
Place = Annotated[str, Field(pattern=r"^[^\s;,]+$")]  # one of several; goes into a header as it is


class Section(BaseModel):
    """Base of a section: unknown keys are errors, values do not change, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSettings(Section):
    """[model] Which trained ensemble judges."""

    # bundle: a folder (here or in the repository), or hf-hub:owner/name[@commit]
    source: str = Field("assets/demo", min_length=1)

    @property
    def location(self) -> str:
        """`source`, found in the repository if there is no such folder in the working folder."""
        path = Path(self.source).expanduser()
        if not path.exists() and (ROOT / path).exists():
            return str(ROOT / path)
        return self.source if self.source.startswith("hf-hub:") else str(path)


class SamplingSettings(Section):
    """[sampling] Which frames are looked at."""

    # 1-512 frames scored a clip, evenly in time; more is slower and steadier
    frames: int = Field(32, ge=1, le=512)


class FaceSettings(Section):
    """[faces] How faces are found, and which of them count."""

    # retinaface-mobilenet (ships here, fast) or retinaface-resnet50 (yours, slow)
    detector: Literal["retinaface-mobilenet", "retinaface-resnet50"] = "retinaface-mobilenet"
    # retinaface.onnx for resnet50; empty: .deepface/weights/ in $DEEPFACE_HOME or ~
    detector_weights: str = ""
    # SHA-256 that this file has to have, 64 hex digits; resnet50 does not start without it
    detector_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    # 0-1, detector's own; at 0.6 globes and cows pass as faces
    min_score: float = Field(0.8, ge=0, le=1)
    # 64-4096 px; larger frames are shrunk to this to find faces, not to judge them
    detect_long_side_px: int = Field(640, ge=64, le=4096)
    # 8-4096 px, longer side; smaller faces hold too little to judge
    min_face_px: int = Field(40, ge=8, le=4096)
    # 1-64 people judged in one clip, longest on screen first
    max_people: int = Field(4, ge=1, le=64)
    # 1-512 frames a person needs to decide a clip, unless nobody has them
    min_track_frames: int = Field(3, ge=1, le=512)


class VerdictSettings(Section):
    """[verdict] From scores to words."""

    # 0-1, above it a face is called fake; below 0: the bundle's own
    threshold: float = Field(-1.0, ge=-1, le=1)
    # 0-1, of the interval; if it holds the threshold: inconclusive
    confidence: float = Field(0.9, gt=0, lt=1)
    # 1-100000 bootstrap draws of members and frames
    resamples: int = Field(400, ge=1, le=100_000)
    # of those draws; the same clip always gets the same interval
    seed: int = Field(0, ge=0, lt=2**32)
    # leave networks out where they cannot change the verdict any more; the probability is then
    # that of the others. Not where heat maps, stability or blinks are asked for
    early_exit: bool = False


class ExplainSettings(Section):
    """[explain] Where the networks looked."""

    # true or false; costs about one more scoring of each frame that is explained
    enabled: bool = True
    # 1-16 frames explained a person, the most suspicious ones
    frames: int = Field(2, ge=1, le=16)
    # gradcam, gradcam++, layercam, hirescam or eigencam: class activation maps of the last grid
    method: Literal["gradcam", "gradcam++", "layercam", "hirescam", "eigencam"] = "gradcam"
    # true or false; blanks the hottest part of each explained face and scores it again
    deletion: bool = True
    # 0-1, opacity of the hottest spot of an overlay
    alpha: float = Field(0.5, ge=0, le=1)


class StabilitySettings(Section):
    """[stability] The same faces again, after damage as copies suffer it."""

    # true or false; costs as many scores as there are kinds of damage
    enabled: bool = False
    # 1-64 frames of the person who decides that are scored again, evenly in time
    frames: int = Field(8, ge=1, le=64)


class ProvenanceSettings(Section):
    """[provenance] Where the file says it is from; no part of the probability."""

    # true or false; reads metadata, and Content Credentials where c2pa-python is installed
    enabled: bool = True
    # PEM file of the signers whose credentials count as trusted; empty: none do
    trust_list: str = ""


class BlinkSettings(Section):
    """[blinks] How often the person who decides blinks: an indication, not in the probability."""

    # true or false; costs a second pass over the clip
    enabled: bool = False
    # 10-600 s watched, where the person is seen most
    seconds: float = Field(40, ge=10, le=600)
    # 10-60 frames a second; a blink lasts 0.1 to 0.4 s
    frames_per_second: float = Field(15, ge=10, le=60)


class LimitSettings(Section):
    """[limits] What an input may cost; beyond it a report says why there is no verdict."""

    # bytes of the file, 1 or more; checked before it is opened
    max_bytes: int = Field(500_000_000, ge=1)
    # seconds of video, above 0; longer clips: cut out what is in doubt
    max_seconds: float = Field(600, gt=0)
    # px a frame, 1 or more; 4K UHD (8.3 million) fits, 8K does not
    max_pixels: int = Field(9_500_000, ge=1)
    # px a photograph, 1 or more; phones take 12 to 50 million
    max_photo_pixels: int = Field(50_000_000, ge=1)
    # px, 16 or more, longer side of a frame; guards against odd shapes
    max_side: int = Field(4096, ge=16)
    # frames, 1 or more; 600 s at 60 fps fit; file headers may lie
    max_frames_walked: int = Field(40_000, ge=1)
    # seconds, above 0, for decoding one input; then its status is timeout
    deadline_s: float = Field(600, gt=0)
    # bytes of address space, 500 million or more, for the process that decodes one input
    max_memory: int = Field(4_000_000_000, ge=500_000_000)


class RuntimeSettings(Section):
    """[runtime] What the networks run on."""

    # auto (a GPU where there is one), cpu, cuda or cuda:1 and so on
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    # auto (OpenVINO on a CPU), openvino or torch
    engine: Literal["auto", "openvino", "torch"] = "auto"
    # auto, float32, bfloat16 or float16; auto takes the fastest that hardly moves a probability of
    # the bundle's stored faces: by 0.0025 at most, so that others move by about 0.01
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # 1-4096 crops at once; halved by itself when GPU memory ends
    batch_size: int = Field(32, ge=1, le=4096)
    # 0-1024 CPU threads; 0: what torch takes by itself
    threads: int = Field(0, ge=0, le=1024)


class AppSettings(Section):
    """[app] The page."""

    # address to listen on; 0.0.0.0 opens the page to the whole network
    host: str = Field("127.0.0.1", min_length=1)
    # 1-65535; 7860 is what a Space expects
    port: int = Field(7860, ge=1, le=65535)
    # 1-1000 clips waiting; one is analyzed at a time
    max_queue: int = Field(8, ge=1, le=1000)
    # seconds that one clip may take, above 0; then it is stopped, and its sender told so
    deadline_s: float = Field(900, gt=0)
    # seconds, 0 or more, that a clip under way has to end in when the server is told to stop
    grace_s: float = Field(10, ge=0)
    # kb, mb or gb a file, refused while it uploads; limits.max_bytes holds as well
    max_upload: str = Field("500mb", pattern=r"^\d+(kb|mb|gb)$")
    # bytes of answers kept for an hour, so that the same file is answered at once
    kept_bytes: int = Field(1_000_000_000, ge=0)
    # where uploads and results get a folder, removed at the end; empty: among the system's own
    temp_dir: str = ""
    # true or false; /analyze is a tool of the Model Context Protocol as well; needs gradio[mcp]
    mcp: bool = False
    # plain or json: lines on stderr, one a job; no names of files, no addresses
    log: Literal["plain", "json"] = "plain"
    # sites that may show the page in a frame; a Space is shown by huggingface.co
    frame_ancestors: tuple[Place, ...] = ("'self'", "https://huggingface.co")
    # file of USER:PASSWORD lines that the page asks for; AWARENET_AUTH=USER:PASSWORD does the same
    auth_file: str = ""
    # uploads, and jobs, that a client may begin in a minute; 0: any number
    rate_per_minute: int = Field(0, ge=0)
    # addresses or networks of reverse proxies, whose X-Forwarded-For says who the client is
    trusted_proxies: tuple[Place, ...] = ()
    # path (/deepfakes) or address that a reverse proxy serves the page under; empty: /
    root_path: str = Field("", pattern=r"^(/[^/\s]+(/[^/\s]+)*|https?://\S+)?$")


class Settings(BaseModel):
    """All sections that the detector, the command line and the page read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelSettings = ModelSettings()
    sampling: SamplingSettings = SamplingSettings()
    faces: FaceSettings = FaceSettings()
    verdict: VerdictSettings = VerdictSettings()
    explain: ExplainSettings = ExplainSettings()
    stability: StabilitySettings = StabilitySettings()
    provenance: ProvenanceSettings = ProvenanceSettings()
    blinks: BlinkSettings = BlinkSettings()
    limits: LimitSettings = LimitSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    app: AppSettings = AppSettings()
