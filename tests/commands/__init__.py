"""Tests of flatdiff.commands."""
