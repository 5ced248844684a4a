"""Tests of flatdiff.figures."""
