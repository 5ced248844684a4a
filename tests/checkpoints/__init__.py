"""Tests of flatdiff.checkpoints.weights_file."""
