"""Tests of flatdiff.landscape."""
