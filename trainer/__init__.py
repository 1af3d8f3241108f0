"""From photographs or videos on disk to a bundle; `python -m trainer.run` is its door."""

from awarenet._tvcompat import ensure_torchvision_importable

ensure_torchvision_importable()
