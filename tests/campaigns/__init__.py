"""Campaigns: what must survive, tried hundreds of times; the quick suite has a short form of each.

    python -m tests.campaigns <name> [--help]

Each prints one line of figures, and ends with code 1 where a promise of docs/reliability.md is not
kept.
"""
