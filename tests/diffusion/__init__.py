"""Tests of flatdiff.diffusion.process."""
