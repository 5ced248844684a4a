"""How a foreign file becomes a checkpoint.

importer         import_file, import_upload: the way in
launch           starts the converting process, with limits, and waits for it
convert          that process
torch_archive    the zip that torch.save writes, checked before anything is read
foreign_weights  tensors of a foreign file, one at a time
weight_sets      which sets of weights lie in a file, and what stands around them
other_models     files of other networks, refused by name
inferred_flags   what shapes say of flags
published        presets of networks whose weights were given away
card_draft       the card as far as names, shapes and a person tell it
rival_sets       raw and averaged weights in one file, kept for a comparison
set_comparison   which of the sets in one file denoise best
diagnosis/       which flags denoise best
"""
