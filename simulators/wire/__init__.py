"""Stations that speak HJ 212 or SL 651, for tests and for who connects such: `python -m simulators.wire --help`."""
