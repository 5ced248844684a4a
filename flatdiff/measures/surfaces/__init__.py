"""What a loss surface is asked by, what it shows, and what follows from it.

settings  where the loss is taken
axes      the directions that it is taken along
result    the loss with its error on a grid, and how the grid came about
valleys   minima, where they join, and how far the checkpoint's basin reaches
nearby    samples at a point of a surface
atlas     samples at every point of a coarse grid over one
"""
