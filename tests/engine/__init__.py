"""Tests of flatdiff.engine.engine."""
