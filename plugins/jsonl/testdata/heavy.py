"""Stands for a module that takes long to import."""
import os

PROCESS = str(os.getpid())
