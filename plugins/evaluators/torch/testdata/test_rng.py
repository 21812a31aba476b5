import unittest

from nascent_torch import rng


class Vectors(unittest.TestCase):
    """The vectors of docs/random.md."""

    def test_stream(self):
        draw = lambda seed, f, n: [f(r) for r in [rng.Rand(seed)] for _ in range(n)]
        self.assertEqual(draw(42, rng.Rand.uint64, 3), [1546998764402558742, 6990951692964543102, 12544586762248559009])
        self.assertEqual(draw(0, rng.Rand.uint64, 2), [11091344671253066420, 13793997310169335082])
        self.assertEqual(draw(42, rng.Rand.float64, 2), [0.083862971059882163, 0.37898025066266861])
        self.assertEqual(draw(42, rng.Rand.bool, 4), [False, False, True, True])
        self.assertEqual(draw(42, lambda r: r.intn(10), 5), [0, 3, 6, 9, 9])
        self.assertEqual(draw(42, rng.Rand.normal, 2), [-0.72621913824478568, 0.22162270150359331])
        self.assertEqual(rng.Rand(42).perm(5), [4, 3, 2, 1, 0])
        self.assertEqual(draw(42, lambda r: r.weighted([1, 0, 2]), 5), [0, 2, 2, 2, 2])

    def test_derived(self):
        self.assertEqual(rng.derive(42, "job", 1), 3349977079485995)
        self.assertEqual(rng.derive(42, ""), 3092098744885774)
        self.assertEqual(rng.derive(42, "x", 1, 2), 7187009444260878)
        self.assertEqual(rng.Rand(42).split("x").uint64(), 3587500221300500480)

    def test_functions(self):
        self.assertEqual([rng.log(10), rng.log(1e-4)], [2.3025850929940459, -9.2103403719761836])
        self.assertEqual([rng.exp(1), rng.exp(-2.5)], [2.7182818284590455, 0.0820849986238988])

    def test_bulk_is_the_stream(self):
        for count in (1, 2, 7, 100, 5000):
            r = rng.Rand(7)
            numbers = rng.bulk(7, count)
            self.assertGreaterEqual(len(numbers), count)
            self.assertEqual([v & (1 << 64) - 1 for v in numbers.tolist()], [r.uint64() for _ in numbers])
        uniform = rng.floats(rng.bulk(3, 50))
        r = rng.Rand(3)
        self.assertEqual(uniform.tolist(), [r.float64() for _ in uniform])
        self.assertEqual(rng.log(uniform).tolist(), [rng.log(v) for v in uniform.tolist()])
