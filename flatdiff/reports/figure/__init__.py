"""A figure is a measure's pictures on one sheet for print: PDF, SVG, PNG, or a GIF that turns.

options    how wide it is, in which size of type, and which panels it has
page       panels in rows, and the file
axes       a chart of plotly's drawn by matplotlib
names      along an axis and in a legend
style      colours, lines and words
relief     the same of a surface in 3-D
words      its name, its caption, whom to cite, and the command that makes it again
"""
