"""Tests of flatdiff.conversion.launch.diagnosis."""
