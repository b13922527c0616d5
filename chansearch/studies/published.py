"""What is published of the questions that the studies ask."""

# Kendall's τ of the number of parameters with trained accuracy inside one budget, params alone.
PARAMS_TAU = 0.116
