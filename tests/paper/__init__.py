"""Tests of flatdiff.paper.reported."""
