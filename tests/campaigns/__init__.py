"""Campaigns of faults: too long for every day, one command each, one line of figures.

    python -m tests.campaigns kills --num-kills 300 --num-jobs 600
    python -m tests.campaigns store_faults

The exit code is 0 only if nothing was lost.
"""
