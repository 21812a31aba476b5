import itertools
import unittest
from unittest import mock

import torch
from nascent_torch.streams import MOST, Streams


class Lending(unittest.TestCase):
    def setUp(self):
        # torch's: so many, and then the first again.
        numbers = itertools.count()
        patch = mock.patch.object(torch.cuda, "Stream", lambda: next(numbers) % 32)
        patch.start()
        self.addCleanup(patch.stop)

    def test_each_has_its_own(self):
        streams = Streams()
        for _ in range(3):
            for k in range(7):
                torch.cuda.Stream()  # others take some, too
            lent = [streams.lend() for _ in range(MOST)]
            self.assertEqual(len({each.__enter__() for each in lent}), MOST)
            with self.assertRaisesRegex(RuntimeError, "set slots to 32"), streams.lend():
                pass
            for each in lent:
                each.__exit__(None, None, None)

    def test_one_after_the_other(self):
        streams, seen = Streams(), set()
        for _ in range(5):
            with streams.lend() as stream:
                seen.add(stream)
        self.assertEqual(seen, {0})
