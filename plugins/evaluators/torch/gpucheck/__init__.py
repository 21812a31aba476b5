"""Checks on a machine with a GPU what cannot be checked without one: that the
torch evaluator is correct there, how fast it is, and that it gives memory back.

    make gpu-check

docs/gpu.md says what is measured, and has what came of it.
"""
