"""How heat maps can be drawn, in words: light enough for whoever only offers the choice."""

ENSEMBLE = "ensemble"  # key of the map of all families together, beside the families' names

# Method -> what it shows, for people. Blanking the hottest tenth took 0.29-0.31 off the probability
# of 21 test fakes by the first four with the demo's networks, and 0.07 by Eigen-CAM.
METHODS: dict[str, str] = {
    # Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391
    "gradcam": "Grad-CAM: features that speak for fake over the whole face, where they are active.",
    # Chattopadhay et al., 2018, https://arxiv.org/abs/1710.11063
    "gradcam++": "Grad-CAM++: the same, but several separate spots count in full.",
    # Jiang et al., 2021, https://doi.org/10.1109/TIP.2021.3089943
    "layercam": "LayerCAM: each spot by itself, and only what there speaks for fake; finer.",
    # Draelos and Carin, 2020, https://arxiv.org/abs/2011.08891
    "hirescam": "HiResCAM: each spot by itself, with what speaks against fake taken off; the same "
    "as Grad-CAM for networks that end in a plain average, as the demonstration's do.",
    # Muhammad and Yeasin, 2020, https://arxiv.org/abs/2008.00299
    "eigencam": "Eigen-CAM: what stands out most to the network, whether it speaks for fake or "
    "for real; it asks for neither, so it looks much the same for both.",
}
