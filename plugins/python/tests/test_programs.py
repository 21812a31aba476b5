"""Tests of where programs are looked for."""
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nascent import _programs  # noqa: E402
from nascent.version import __version__  # noqa: E402


class TestPrograms(unittest.TestCase):
    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.prefix = Path(where.name).resolve()
        self.site = self.prefix / "lib" / "python3" / "site-packages"
        (self.site / "nascent").mkdir(parents=True)
        (self.site / f"nascent_nas-{__version__}.dist-info").mkdir()
        shutil.copy(_programs.__file__, self.site / "nascent")
        self.file = mock.patch.object(_programs, "__file__", str(self.site / "nascent" / "_programs.py"))
        self.file.start()
        self.addCleanup(self.file.stop)

    def program(self, *parts):
        file = self.prefix.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(0o755)
        return str(file)

    def path(self, name="nascent", **environment):
        environment.setdefault("PATH", str(self.prefix / "nowhere"))
        with mock.patch.dict(os.environ, environment, clear=True):
            return _programs.path(name)

    def test_named(self):
        other, plugins = self.program("other", "nascent"), self.program("other", "nascent-plugins")
        self.program("bin", "nascent")
        self.assertEqual(self.path(NASCENT=other), other)
        self.assertEqual(self.path("nascent-plugins", NASCENT=other), plugins)
        with self.assertRaisesRegex(_programs.Missing, "where .NASCENT says, elsewhere"):
            self.path(NASCENT="elsewhere")

    def test_installed(self):
        elsewhere = self.program("path", "nascent")
        self.assertEqual(self.path(PATH=os.path.dirname(elsewhere)), elsewhere)  # this package brought none
        below = self.program("lib", "python3", "site-packages", "bin", "nascent")
        self.assertTrue(os.path.samefile(self.path(), below))
        beside = self.program("bin", "nascent")
        self.assertEqual(os.path.realpath(self.path(PATH=os.path.dirname(elsewhere))), beside)

    def test_sources(self):
        (self.site / f"nascent_nas-{__version__}.dist-info").rmdir()
        self.program("bin", "nascent")
        with self.assertRaisesRegex(_programs.Missing, "install the wheel of nascent-nas, or set .NASCENT"):
            self.path()

    def test_another_project(self):
        program = self.program("bin", "nascent")
        for entry, named in {"nascent-1.2.dist-info": "nascent 1.2", "Nascent-0.1-py3.9.egg-info": "nascent 0.1"}.items():
            (self.site / entry).mkdir()
            with self.assertRaisesRegex(_programs.Missing, f"^{named} in .* is another project .* pip uninstall"):
                self.path()
            self.assertEqual(self.path(NASCENT=program), program)
            (self.site / entry).rmdir()
        (self.site / "nascentia-1.dist-info").mkdir()
        self.assertTrue(os.path.samefile(self.path(), program))


if __name__ == "__main__":
    unittest.main()
