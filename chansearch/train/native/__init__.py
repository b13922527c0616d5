"""Kernels of our own for training on a CPU with one thread; torch's are used where these cannot be compiled."""
