import os
import tempfile
import unittest

import torch

from nascent_torch import safetensors


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "file")

    def test_round_trip(self):
        tensors = {
            "a": torch.randn(2, 3),
            "b.weight": torch.randn(4, dtype=torch.float64).t(),
            "half": torch.randn(3, 2).to(torch.bfloat16),
            "none": torch.empty(0, 5),
            "whole": torch.tensor(7),
            "turned": torch.arange(6).reshape(2, 3).t(),
        }
        safetensors.save(self.path, tensors, {"nascent": '{"a": "ü"}'})
        got, metadata = safetensors.load(self.path)
        self.assertEqual(metadata, {"nascent": '{"a": "ü"}'})
        self.assertEqual(list(got), list(tensors))
        for name, t in tensors.items():
            self.assertEqual((got[name].dtype, got[name].shape), (t.dtype, t.shape))
            self.assertTrue(torch.equal(got[name], t), name)
        self.assertEqual(os.listdir(self.folder.name), ["file"])

    def test_damage(self):
        safetensors.save(self.path, {"a": torch.randn(20)})
        with open(self.path, "rb") as f:
            whole = f.read()
        for data in (b"", b"garbage", whole[:4], whole[:30], whole[:-1], whole[:8] + b"x" + whole[9:], b"\xff" * 8 + whole[8:]):
            with open(self.path, "wb") as f:
                f.write(data)
            with self.assertRaisesRegex(ValueError, "file: is no safetensors file"):
                safetensors.load(self.path)
