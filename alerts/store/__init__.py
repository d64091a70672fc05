"""Incidents, tickets and what was refused, in SQL."""
