"""A checkpoint is a folder with weights and a card that says what they are and who made them.

card            the card, and lists of cards
recipe          what decides the weights of a run; presets
averages        EMA and SWA; the nine methods
pasted_command  flags among all that a command of training or sampling says
header          a safetensors header, read without a number
mistaken        what is no weights, by how it begins
tensors         names, shapes and values without torch
weights_file    float32 safetensors: write, load into a network
differences     in what some checkpoints differ
collection      adding, renaming, deleting
"""
