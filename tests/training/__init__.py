"""Tests of flatdiff.training.loop."""
