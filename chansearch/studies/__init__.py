"""The paper's own studies: each leaves data, a figure and findings. Users of nets, train, cost; never of a search."""
