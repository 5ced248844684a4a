"""Tests of flatdiff.reports."""
