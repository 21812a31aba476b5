"""Tests of what a file needs. Run them with python -m unittest, or pytest."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nascent.needs import lacking, satisfies  # noqa: E402


class TestSatisfies(unittest.TestCase):
    def test_bounds(self):
        for version, bounds in [("3.11.2", ">=3.9"), ("3.11.2", ">=3.9, <4"), ("3.11", "==3.11.0"), ("3.11.2", "==3.11.*"), ("1.13.1+cpu", "!=1.13"),
                                ("2.0rc1", "~=2.0"), ("1.4.5", "~=1.4.2"), ("10.0", ">9"), ("1.0", ""), ("1.0", "whatever")]:
            self.assertTrue(satisfies(version, bounds), (version, bounds))
        for version, bounds in [("3.8.10", ">=3.9"), ("4.0", ">=3.9,<4"), ("3.11.2", "==3.11"), ("3.10.1", "==3.11.*"), ("1.5", "~=1.4.2"),
                                ("1.4.1", "~=1.4.2"), ("9", ">9"), ("3.11", "!=3.11.*")]:
            self.assertFalse(satisfies(version, bounds), (version, bounds))

    def test_lacking(self):
        there = ["json", "importlib", "no-such-package; python_version < '3'", "xml @ https://example.com/xml.zip"]
        away = ["no-such-package", "No.Such-other[extra]>=1,<2", "no_such @ https://example.com/it.zip"]
        self.assertEqual(lacking(there + away), away)


if __name__ == "__main__":
    unittest.main()
