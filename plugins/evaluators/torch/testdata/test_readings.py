import json
import os
import unittest

import torch

from nascent_torch import data

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "..", "testdata", "data")


class Readings(unittest.TestCase):
    """The files of testdata/data are read as they say themselves."""

    def test_readings(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(FOLDER)
        with open("readings.json") as f:
            readings = json.load(f)
        for reading in readings:
            with self.subTest(reading["name"]):
                options = data.Options.read(reading["data"])
                needs = {"npz": "numpy", "images": "PIL"}.get(options.source)
                if needs:
                    try:
                        __import__(needs)
                    except ImportError:
                        self.skipTest(f"{needs} is not installed")
                self.check(reading, options)

    def check(self, reading, options):
        if "refused" in reading:
            with self.assertRaises(ValueError) as raised:
                data.load(options)
            for words in reading["refused"]:
                self.assertIn(words, str(raised.exception))
            self.assertNotIn("\n", str(raised.exception))
            return
        d = data.load(options)
        sets = [data.Set.of(raw) if i == 0 else raw for i, raw in enumerate(data.readers.read(options)[:2])]
        read = sets[0]
        self.assertEqual(read.shape, reading["shape"])
        self.assertEqual(read.columns, reading.get("columns"))
        self.assertEqual(read.classes, reading["classes"])
        self.assertEqual(read.y.tolist(), reading["labels"])
        offset = reading.get("offset")
        self.assertEqual(read.offset if read.offset is None else read.offset.tolist(), offset)
        samples = torch.tensor(reading["samples"], dtype=torch.float64)
        x = read.x.reshape(samples.shape).to(torch.float32)
        if offset is None:
            self.assertEqual(x.tolist(), samples.to(torch.float32).tolist())
        else:
            self.assertEqual((x.to(torch.float64) + read.offset).tolist(), samples.tolist())
        if "test_labels" in reading:
            self.assertEqual(data.Set.of(sets[1], read).y.tolist(), reading["test_labels"])
        train, _ = d.search()
        for name in reading.get("trained", []):
            self.assertIn(reading["classes"].index(name), train.y.tolist())
        self.assertIn(reading.get("splits", ""), d.splits)
