"""Scores of a network that was never trained. Users of nets and cost; never of a search.

``names`` is light to import; everything else brings torch.
"""
