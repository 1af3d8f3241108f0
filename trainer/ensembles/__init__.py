"""Ensembles of trained members: which there are, how they are fitted, how they are compared."""

TWO_TIERS, PLAIN_MEAN = "two tiers", "plain mean"  # names of the two that always are there
