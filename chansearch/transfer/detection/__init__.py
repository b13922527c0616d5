"""Detection and instance segmentation: torchvision's heads on a network of the family (paper sec. 5, Tables 6 to 8).

Importing this package and its ``config`` is light; the other modules bring in torch and torchvision.
"""
