"""The long-running processes: each puts one room on its edges, runs until told to stop, and drains.

Each module imports only what its process needs: a worker is there in a second or two, and that is the time it takes
to come back after a crash.
"""
