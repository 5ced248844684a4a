"""Results as files, and how to get them again.

measured   a result and where it comes from
schema     what the fields of a file are: types, units, meanings
formats    HTML, CSV, NPZ, JSON, PNG, VTP, and their registry
reproduce  the command and the program that make it again
sheet      everything of some checkpoints, part by part
columns    one number a checkpoint, for summaries and claims
summary    these numbers beside each other, the best marked
report     a document of results, chapter by chapter
html       one file that needs nothing else
archive    a ZIP of every part in every format
vtp        ParaView's file
figure     pictures for print
"""
