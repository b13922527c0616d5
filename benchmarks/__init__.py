"""Measurements of chansearch against the plain way and its peers: ``python -m benchmarks NAME``.

Each module here is one benchmark. It runs both sides in one go, prints its table and writes it to
``benchmarks/results/NAME.md`` with the machine and the versions. Nothing here is imported by the package.
"""
