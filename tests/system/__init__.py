"""Tests of flatdiff.system."""
