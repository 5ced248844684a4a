"""What a loss surface is asked by, what it shows, and what follows from it.

settings  where the loss is taken
result    the loss with its error on a grid, and how the grid came about
valleys   minima, where they join, and how far the checkpoint's basin reaches
"""
