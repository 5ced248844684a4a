"""Tests of flatdiff.views.views."""
