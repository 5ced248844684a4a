"""How a foreign file becomes checkpoints, one for each set of weights in it.

importer         import_file, import_upload: the way in
weights_path     the file that is meant: one, an index of parts, or the one in a folder
launch           starts a process that has the file, with limits, and waits for it
look             that process, as long as it reads no number
convert          that process, when it does
torch_archive    the zip that torch.save writes, checked before anything is read
torch_pickle     its pickle, of which nothing is imported or run
torch_file       the two together: names, types, shapes and places of tensors
foreign_weights  tensors of a foreign file, one at a time
foreign_file     which sets of weights lie in a file, told once by its header
other_models     files of other networks, refused by name
inferred_flags   what shapes say of flags
published        presets of networks whose weights were given away
draft            a checkpoint that is to be made of a file, and what is known of it anyway
card_draft       drafts of a file, as far as names, shapes and a person tell them
origin           what a card says of the file it came from, and of the images
own_weights      weights of a network of somebody's own code
diffusers_folder a network of diffusers, by the configs beside its weights
diagnosis/       which flags denoise best
"""
