"""Write a trained ensemble to a folder; read it back, strictly.

    config.json                   what the ensemble is, see config.py
    <family>-<i>/config.json      timm's own layout: plain timm loads a whole network by local-dir:
    <family>-<i>/model.safetensors
    golden.safetensors            a stored input, and each member's logit for it
    competence.safetensors        how far a face is from the training data; not every bundle has it
    README.md                     the model card

Reading checks every file: hashes, keys, shapes, and that the stored input gives the stored logits
on this machine. Nothing is unpickled, no link is followed out of the folder.
"""

from awarenet.bundle.bundle import Bundle, load_bundle, save_bundle

__all__ = ["Bundle", "load_bundle", "save_bundle"]
