import gzip
import os
import struct
import tempfile
import unittest
import unittest.mock

import torch

from nascent_torch import data
from nascent_torch.mnist1d import mnist1d


class MNIST1D(unittest.TestCase):
    def test_vector(self):
        """The hash that plugins/trainer/data fixes."""
        made = data.Set(*mnist1d(100, 1, "train"), [str(i) for i in range(10)])
        self.assertEqual(made.hash(), "9d61bf1c6f47aa5e1aae289955f298a53ec071edb2cd9338d34e46bee1e4b9ec")

    def test_classes(self):
        _, y = mnist1d(1003, 7, "train")
        self.assertEqual(torch.bincount(y).tolist(), [101] * 3 + [100] * 7)
        self.assertNotEqual(y.tolist(), sorted(y.tolist()))


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def taken(self, source, files, **more):
        """All samples of a source, in the order of their split, as read."""
        d = data.load(data.Options(source=source, files=files, validation=0.5, test=0.5, **more))
        parts = [*d.search(), d.final()[1]]
        return d, torch.cat([p.x for p in parts]), torch.cat([p.y for p in parts])

    def refused(self, word, source, files, **more):
        with self.assertRaisesRegex(ValueError, word):
            data.load(data.Options(source=source, files=files, **more))

    def test_idx(self):
        labels = self.write("labels", b"\0\0\x08\1" + struct.pack(">I", 8) + bytes(range(2)) * 4)
        for kind, form in ((0x08, "B"), (0x09, "b"), (0x0B, "h"), (0x0C, "i"), (0x0D, "f"), (0x0E, "d")):
            pixels = struct.pack(f">{8 * 6}{form}", *range(8 * 6))
            samples = self.write("samples", gzip.compress(b"\0\0" + bytes([kind, 3]) + struct.pack(">3I", 8, 2, 3) + pixels))
            d, x, y = self.taken("idx", [samples, labels])
            self.assertEqual((d.shape, len(d.classes)), ([1, 2, 3], 2))
            self.assertEqual(sorted(x.flatten().tolist()), list(range(48)))
            self.assertEqual(y.tolist(), [int(first) // 6 % 2 for first in x[:, 0, 0, 0]])
        self.refused("name the file of samples first", "idx", [labels, samples])
        self.refused("ends too early", "idx", [self.write("short", b"\0\0\x08\3" + struct.pack(">3I", 8, 2, 3)), labels])
        self.refused("no IDX file", "idx", [self.write("garbage", b"garbage"), labels])
        self.refused("cannot be read.*check the path", "idx", ["/nowhere", labels])
        self.refused("apt-get install dataset-no-such-clothes$", "idx", ["/usr/share/datasets/no-such-clothes/samples.gz", labels])
        self.refused("check the path", "idx", ["/usr/share/datasets/samples.gz", labels])
        self.refused("needs a file of samples and a file of labels", "idx", [labels])

    def test_cifar10(self):
        records = b"".join(bytes([i % 4]) + bytes([i]) * 1024 + bytes([i + 1]) * 1024 + bytes([i + 2]) * 1024 for i in range(32))
        d, x, y = self.taken("cifar10", [self.write("1.bin", records[: 3 * 3073]), self.write("2.bin", records[3 * 3073 :])])
        self.assertEqual((d.shape, len(d.classes), x.dtype), ([3, 32, 32], 10, torch.uint8))
        self.assertEqual(sorted(x[:, 2, 31, 31].tolist()), list(range(2, 34)))
        self.assertEqual(y.tolist(), [v % 4 for v in x[:, 0, 0, 0].tolist()])
        self.refused("no whole records", "cifar10", [self.write("3.bin", records[:-1])])

    def test_npz(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        path = os.path.join(self.folder, "a.npz")
        numpy.savez(path, x=numpy.arange(8 * 3 * 4).reshape(8, 3, 4), y=numpy.arange(8) % 2)
        d, x, y = self.taken("npz", [path])
        self.assertEqual((d.shape, len(d.classes)), ([3, 4], 2))
        self.assertEqual(y.tolist(), [int(v) // 12 % 2 for v in x[:, 0, 0]])
        numpy.savez(path, x=numpy.zeros((8, 3)), y=numpy.arange(8) + 0.5)
        self.refused("label 0 is 0.5, but classes are whole numbers", "npz", [path])
        numpy.savez(path, z=numpy.arange(3))
        self.refused("arrays x and y", "npz", [path])
        again = r"; save it with numpy\.savez\(path, x=samples, y=labels\)$"
        self.refused("b.npz: is no archive of numeric arrays" + again, "npz", [self.write("b.npz", b"garbage")])
        numpy.save(os.path.join(self.folder, "c.npy"), numpy.arange(3))
        self.refused("c.npy: is no archive of numeric arrays" + again, "npz", [os.path.join(self.folder, "c.npy")])

    def test_images(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not installed")
        for i in range(8):
            folder = os.path.join(self.folder, "pictures", "cat" if i % 2 else "bird")
            os.makedirs(folder, exist_ok=True)
            Image.new("RGB", (4, 3), (i, 2 * i, 3 * i)).save(os.path.join(folder, f"{i}.png"))
        root = os.path.join(self.folder, "pictures")
        d, x, y = self.taken("images", [root])
        self.assertEqual((d.shape, len(d.classes)), ([3, 3, 4], 2))
        self.assertEqual(y.tolist(), [v % 2 for v in x[:, 0, 0, 0].tolist()])
        self.assertEqual((2 * x[:, 0].int()).tolist(), x[:, 1].int().tolist())
        Image.new("RGB", (5, 3)).save(os.path.join(root, "cat", "wide.png"))
        self.refused("set data.size", "images", [root])
        self.assertEqual(self.taken("images", [root], size=[2, 2])[0].shape, [3, 2, 2])

    def test_csv(self):
        rows = "\n".join(f"{i},{i * i},{'ab'[i % 2]},x" for i in range(8))
        train = self.write("train.csv", f"first,second,kind,note\n{rows}\n".encode())
        d, x, y = self.taken("csv", [train], label="kind", drop=["note"])
        self.assertEqual((d.shape, len(d.classes)), ([2], 2))
        self.assertEqual(y.tolist(), [int(v) % 2 for v in x[:, 0]])
        part = d.final()[0]
        taken, _ = part.take(torch.arange(len(part)))
        self.assertTrue(torch.allclose(taken.mean(0), torch.zeros(2), atol=1e-6))
        self.assertTrue(torch.allclose((taken * taken).mean(0), torch.ones(2)))
        other = self.write("test.csv", b"first,second,kind,note\n1,2,c,x\n1,2,a,x\n")
        self.refused('has class "c"', "csv", [train], test_files=[other], label="kind", drop=["note"])
        self.refused('no column "kinds"', "csv", [train], label="kinds")

    def test_own(self):
        path = self.write("own.py", b"""
import torch
class Numbers(torch.utils.data.Dataset):
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return torch.full((2, 3), float(i)), i % 2
def load(): return Numbers(8), Numbers(4)
def pair(): return torch.arange(16).reshape(8, 2), torch.arange(8) % 2
number = 3
def wrong(): return 3
def fails():
    return [][1]
class Bad(Numbers):
    def __getitem__(self, i):
        return self.nothing
def inside(): return Bad(8)
def nothing(): pass
def shares(): return [(torch.zeros(2), 0.5)] * 8
""")
        d = data.load(data.Options(source=path))
        self.assertEqual((d.shape, len(d.classes), len(d.final()[1])), ([2, 3], 2, 4))
        d, x, y = self.taken(path + ":pair", [])
        self.assertEqual(y.tolist(), [int(v) // 2 % 2 for v in x[:, 0]])
        self.refused("own.py: answers a int; return a torch.utils.data.Dataset", path + ":wrong", [])
        self.refused("own.py:12: IndexError: list index out of range$", path + ":fails", [])
        self.refused("own.py:15: AttributeError: 'Bad' object has no attribute 'nothing'$", path + ":inside", [])
        self.refused("own.py: nothing answers nothing to search with; return a Dataset", path + ":nothing", [])
        self.refused("own.py: label 0 is 0.5, but classes are whole numbers", path + ":shares", [])
        self.refused("own.py:1: ModuleNotFoundError: No module named 'no_such_module'", self.write("own.py", b"import no_such_module"), [])
        self.write("own.py", b"number = 3")
        self.refused("no function number", path + ":number", [])
        self.refused("no such file", "/nowhere/own.py", [])


class Shapes(unittest.TestCase):
    def test_unread(self):
        for wanted, shape in (([3, 8, 8],) * 2, ([192], [3, 8, 8]), ([1, 192], [3, 8, 8]), ([1, 28, 28], [784]), ([40], [1, 40])):
            self.assertEqual(data.unread(wanted, shape), "")
        self.assertIn("set data.layout to channels_last", data.unread([3, 8, 8], [8, 8, 3]))
        for wanted, shape in (([3, 8, 9], [3, 9, 8]), ([28, 28], [1, 28, 28]), ([41], [1, 40])):
            self.assertIn("set it so", data.unread(wanted, shape))


class Paths(unittest.TestCase):
    def test_start(self):
        """Relative paths start where the search.yaml lies, or in the working
        directory where nothing is there."""
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.dict(os.environ, NASCENT_FOLDER=folder):
            there = os.path.join(folder, "d.csv")
            self.assertEqual(data.readers._at("d.csv"), there)
            self.assertEqual(data.readers._at(__file__), __file__)
            for name in ("own.py", "d.csv"):
                with open(os.path.join(folder, name), "w") as f:
                    f.write("import torch\ndef load(): return torch.eye(4), [0, 1, 0, 1]\n")
            d = data.load(data.Options(source="own.py:load", validation=1, test=1))
            self.assertEqual((d.shape, d.splits.partition(":")[0]), ([4], "own.py"))
            self.addCleanup(os.chdir, os.getcwd())
            os.chdir(os.path.dirname(os.path.abspath(__file__)))
            self.assertEqual(data.readers._at("test_data.py"), "test_data.py")


class Options(unittest.TestCase):
    def test_refused(self):
        for word, options in {
            "data.sauce is unknown": {"sauce": "x"},
            "source 'cifar' is unknown": "cifar",
            "files is 3": {"files": 3},
            "samples is 3;": {"samples": 3},
            "samples is many": {"samples": "many"},
            "validation is 20 of 20": {"samples": 20, "validation": 20, "test": 10},
            "test is 5": {"test": 5},
            "belong to other sources": {"files": ["x"]},
        }.items():
            with self.assertRaisesRegex(ValueError, word):
                data.load(data.Options.read(options))
