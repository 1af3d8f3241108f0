"""Film computer-made people: MakeHuman's mesh (CC0), posed, lit and painted with NumPy and OpenCV.

They serve as example clips that are free of anybody's rights, with pose and blinks known.
"""
