"""Pictures of the pages to teach with, which no measure draws.

tour                a line through a surface, and two valleys under noise
toy                 runs on a loss of two weights
rounding            one tensor, its levels and its codes
"""
