"""Tests of flatdiff.views."""
