"""Tests of flatdiff.engine.speed."""
