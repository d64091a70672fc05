"""`qianshao doctor`: is everything here that this installation needs, does it answer, and is it well?

findings.py says what a finding is, run.py which checks are made; each of the other modules is one concern.
"""
