"""Side-by-side timings, one command each; ratios with their spread."""
