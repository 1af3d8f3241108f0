"""What no verdict can tell, whichever bundle it is of; `own_limits` is about one."""

from __future__ import annotations

LIMITS = (  # what no verdict of this program can tell, whoever trained the bundle
    "A probability is the opinion of these networks, not a proof. Look for other evidence before "
    "you act on it.",
    "It looks for faces that were swapped or blended into a picture. It is blind to video that "
    "was generated as a whole, to voices, captions and anything that is not a face.",
    'A verdict of "real" means only that no trace it knows was found. Methods it was not trained '
    "on, strong compression and small faces hide them.",
    "Filters, make-up, scaling and poor recordings can look like a manipulation.",
    "The interval shows how far the networks and the frames disagree. It does not cover what all "
    "of them get wrong together, as on material unlike the training data.",
    "Heat maps show where the networks looked. They do not mark a forgery.",
)
