"""Tests of flatdiff.images."""
