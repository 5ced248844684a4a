"""What arXiv 2503.11078 says, and what is found of it.

reported          the paper's own numbers
entries           its tables and figures, as records
quantities        numbers read from a checkpoint's results
claims            what the paper claims, and what would agree
family            checkpoints that can be compared, and what is asked of each
matched           at which state runs are compared: equal steps, gradients, or loss
results           what was measured of a family
findings          a verdict for each claim, of the runs there are
over_runs         a verdict for each claim, over training runs
claim_chart       flatness against what it should buy, as a picture
rank_correlation  flatness against benefit, in ranks
text              a study as CSV, JSON and Markdown
report            a study as HTML
theory/           Section 3
"""
