"""Tests of flatdiff.conversion.launch."""
