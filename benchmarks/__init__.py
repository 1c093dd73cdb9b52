"""Timings of this package against installed peers."""
