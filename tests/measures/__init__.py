"""Tests of flatdiff.measures."""
