"""Timings of this package against installed peers, in three rings.

``micro`` times single operations, ``kernels`` the loops behind them, ``train`` whole training steps, inference and
epochs. ``python -m benchmarks --help`` says how to run them, ``python -m benchmarks.table`` puts a run into the README.
"""
