"""Tests of flatdiff.measures.surfaces."""
