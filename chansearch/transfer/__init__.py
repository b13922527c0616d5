"""Training a network of the family: on images in class folders, ImageNet or any other, and, in ``detection``, on
objects in images. Must not know the search.

Importing this package and its ``config`` is light; the other modules bring in torch and timm, ``launch`` Ray.
"""
