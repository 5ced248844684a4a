"""Section 3 of the paper, in dimensions where everything can be computed."""
