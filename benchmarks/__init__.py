"""Measurements with goals: `make bench NAME=…`; the last line of each is one JSON object."""
