"""Which flags a foreign checkpoint was trained with, told by how well it denoises.

diagnose      the comparison, and its verdict
candidates    flags that fit the same shapes
fit           how well one of them denoises
noisy_images  what all of them are shown
deadline      ends it in time
"""
