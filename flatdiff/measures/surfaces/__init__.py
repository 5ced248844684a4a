"""What a loss surface is asked by, and what it shows.

settings  where the loss is taken
result    the loss with its error on a grid, and how the grid came about
"""
