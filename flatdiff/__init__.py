"""flatdiff: how flat is a diffusion model, and what does that buy?"""

__version__ = "0.1.0"
