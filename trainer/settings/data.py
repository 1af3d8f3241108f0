"""What is learned from and tested on, and how it is made ready."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from awarenet.settings import Section


class DataSettings(Section):
    """[data] What to learn from and what to test on; folders, on this machine."""

    # data set -> its folder; `python -m trainer.run index --data NAME=PATH` lists what is there
    sets: dict[str, str] = {}
    # compressions of FaceForensics++ and DFD to take: raw, c23, c40
    compressions: tuple[str, ...] = ("c23",)
    # whether DeepFakeDetection and its actors, where they lie in FaceForensics++, count to it
    include_dfd: bool = False
    # folders of photographs, one real person each, free to train on; subfolders are one person
    photos: tuple[str, ...] = ()
    # name -> folder of photographs that are only ever tested on
    test_photos: dict[str, str] = {}
    # folders or files of real clips; their people are dealt out to calibration and test
    videos: tuple[str, ...] = ()
    # clip name (a prefix is enough) -> person, for clips that show the same one
    clip_people: dict[str, str] = {}
    # people of those clips to calibrate on; all others are tested on
    calibration_people: tuple[str, ...] = ()
    # photograph -> photograph of the same person, found by `python -m trainer.portraits.duplicates`
    same_person: dict[str, str] = {}
    # folder of everything that a run makes; a second run goes on where the first one stopped
    run: str = "runs/demo"


class SplitSettings(Section):
    """[split] Who is trained on, validated on and tested on; dealt out before a face is cut."""

    # identity (nobody is in two parts), official (the data set's own), video (clips, whoever is in
    # them) or frame (single frames: leaks; only to repeat what was published so)
    protocol: Literal["identity", "official", "video", "frame"] = "identity"
    # of train, validation and test; they sum to 1
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    # of whatever chance decides
    seed: int = Field(0, ge=0)
    # of all data that is used, whole people at a time, above 0 and at most 1
    fraction: float = Field(1.0, gt=0, le=1)
    # identity: leave out more fakes between two groups of people for shares nearer to those asked
    cut: bool = False


class PrepareSettings(Section):
    """[prepare] From clips and photographs to face crops."""

    # px, square crop; with the margin below its face has 160 px, as many as the portraits hold
    side: int = Field(256, ge=64, le=1024)
    # around the face, of its longer side; what is cut for a network later is cut out of this
    margin: float = Field(0.3, ge=0, le=1)
    # px, smaller faces are left out
    min_face_px: int = Field(72, ge=16)
    # frames of a real clip, evenly over all of it
    frames_real: int = Field(32, ge=1)
    # frames of a fake clip, of which data sets hold more
    frames_fake: int = Field(16, ge=1)
    # s from one frame to the next, from the first one on, however many that are; 0: as many as the
    # two counts above say (faces that were cut out earlier have no times and always go by these)
    every_s: float = Field(0.0, ge=0)
    # largest (of each frame) or all; a fake's mask, where there is one, decides instead
    faces: Literal["largest", "all"] = "largest"
    # whether the 468 points of FaceMesh are found too; portraits always have them
    mesh: bool = False
    # jpeg (quality 95) or png
    format: Literal["jpeg", "png"] = "jpeg"
    # folder (a file a crop) or shards (tar files, for many machines)
    store: Literal["folder", "shards"] = "folder"
    # clips in a tar file
    clips_per_shard: int = Field(100, ge=1)
    # pool (processes of this machine) or ray (a cluster)
    engine: Literal["pool", "ray"] = "pool"
    # processes that cut faces and make fakes; 0 works in the main one
    workers: int = Field(2, ge=0)


class ForgeSettings(Section):
    """[forge] Fakes made of the portraits of [data] photos and test_photos."""

    # fakes made of each person, one donor each
    fakes_per_person: int = Field(10, ge=1)
    # fakes of each kind made of each validation or test photograph
    fakes_per_test_photo: int = Field(1, ge=1)
    # kind -> its share among the fakes of a person: self_blended, warped, matched_swap,
    # poisson_swap or pyramid_swap
    kinds: dict[str, float] = {"self_blended": 0.5, "matched_swap": 0.3, "poisson_swap": 0.2}
    # kind that is made for validation and test people only, never for training
    held_out: str = "pyramid_swap"
    # donors drawn for a swap, of which the one most alike is taken
    donors: int = Field(6, ge=1)
    # of donors, fakes and swapped clips
    seed: int = Field(0, ge=0)


class GridSettings(Section):
    """[grid] Which ensembles one command makes: every data set times every recipe."""

    # what an ensemble learns from: a data set of [data] sets or a folder of photos by its name, all
    # of them together (all), or each of them alone, one ensemble for each (each)
    data: tuple[str, ...] = ("all",)
    # how its pictures are augmented: none, aware_net, dfdc or camera
    recipes: tuple[str, ...] = ("camera",)
