"""Tools for those who write rules: what a pack holds, what is wrong or odd in it, tests, differences, explanations.

Pure as all of `rules`: files are read, and nothing else is touched.
"""
