import unittest

from nascent_torch import rng


class Bulk(unittest.TestCase):
    """Numbers made at once are those that nascent.rng draws one by one."""

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
