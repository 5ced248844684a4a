"""Agreement with other people's programs; skipped, with a word, where they are not installed.

They are in benchmarks/requirements.txt: `pip install -r benchmarks/requirements.txt`.
"""
