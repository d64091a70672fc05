"""Panels that boards share.

dress    what every panel has: title, source, questions
values   one figure
trends   curves and bands over time
tables   rows, with columns that know what they hold
maps     where
"""
