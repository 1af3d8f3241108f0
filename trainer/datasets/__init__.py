"""What lies on disk, as rows: one index function a data set.

`index_dataset("faceforensics", folder)` lists its clips; `count_table` sets them beside what was
published. A folder that does not fit says what was looked for and what was found.
"""

from trainer.datasets.aware_net import index_aware_net
from trainer.datasets.celebdf import index_celebdf_v1, index_celebdf_v2
from trainer.datasets.clip import PHOTO_SUFFIXES, VIDEO_SUFFIXES, Clip
from trainer.datasets.counts import count_table
from trainer.datasets.dfdc import index_dfdc
from trainer.datasets.dfdc_preview import index_dfdc_preview
from trainer.datasets.faceforensics import index_dfd, index_faceforensics
from trainer.datasets.folders import index_folders
from trainer.datasets.photos import index_photos, name_people
from trainer.datasets.registry import DATASETS, Dataset, index_dataset
from trainer.datasets.stronger_together import index_stronger_together
from trainer.datasets.table import index_table

__all__ = [
    "DATASETS",
    "PHOTO_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Clip",
    "Dataset",
    "count_table",
    "index_aware_net",
    "index_celebdf_v1",
    "index_celebdf_v2",
    "index_dataset",
    "index_dfd",
    "index_dfdc",
    "index_dfdc_preview",
    "index_faceforensics",
    "index_folders",
    "index_photos",
    "index_stronger_together",
    "index_table",
    "name_people",
]
