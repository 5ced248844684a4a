"""Tests of flatdiff.paper.reported.theory."""
