"""Tests of flatdiff.engine.private."""
