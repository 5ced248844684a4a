"""Section 3 of the paper, in dimensions where everything can be computed.

random_features  the model that the theorems are about
tilted_priors    densities multiplied by exp(-I)
lab              every statement, evaluated
figures          its pictures
"""
