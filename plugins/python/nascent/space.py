"""The space of a search, as strategies ask of it."""

from __future__ import annotations

import operator
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, Union, overload

from .rng import Rand

Seed = Union[int, Rand]
_MANY = 1000  # genomes in one question


class Space:
    """What may be searched. Genomes are their canonical texts. Every question is
    answered by nascent itself, so the answers are those that Go strategies get.
    Where there is none (a genome of another space, a mutation that finds no
    neighbour within the limits) it raises ValueError.

    A seed is a whole number below 2**53, or a Rand, from which one is drawn.
    """

    def __init__(self, declaration: Any, ask: Callable[[Dict[str, Any]], Dict[str, Any]]) -> None:
        self.declaration = declaration
        """As search.yaml has it, with everything filled in."""
        self._ask = ask

    def sample(self, seed: Seed) -> str:
        """A random genome within the limits."""
        return self._genome({"space": "sample", "seed": _seed(seed)})

    def mutate(self, genome: str, seed: Seed) -> str:
        """A mutant, which differs from the genome."""
        return self._genome({"space": "mutate", "genomes": [genome], "seed": _seed(seed)})

    def cross(self, a: str, b: str, seed: Seed) -> str:
        """A child of two genomes."""
        return self._genome({"space": "cross", "genomes": [a, b], "seed": _seed(seed)})

    @overload
    def encode(self, genome: str) -> List[float]: ...
    @overload
    def encode(self, genome: Union[List[str], Tuple[str, ...]]) -> List[List[float]]: ...
    def encode(self, genome: Any) -> Any:
        """A genome as numbers from 0 to 1 for models, or many genomes as rows of
        them. Always as many as names has."""
        if isinstance(genome, str):
            return self._many("encode", "rows", [genome])[0]
        return self._many("encode", "rows", genome)

    @property
    def names(self) -> List[str]:
        """What the numbers of encode stand for."""
        return list(self._answer({"space": "names"})["names"])

    def genes(self, genome: str) -> Dict[str, Any]:
        """A genome as plain values, as evaluators get them."""
        return dict(self._many("genes", "genes", [genome])[0])

    def genome(self, genes: Mapping[str, Any]) -> str:
        """The genome that plain values describe. It must be within the limits."""
        return self._genome({"space": "genome", "genes": genes})

    def _many(self, what: str, key: str, genomes: Sequence[str]) -> List[Any]:
        out: List[Any] = []
        for i in range(0, len(genomes), _MANY):
            out += self._answer({"space": what, "genomes": list(genomes[i:i + _MANY])})[key]
        return out

    def _genome(self, question: Dict[str, Any]) -> str:
        return str(self._answer(question)["genomes"][0])

    def _answer(self, question: Dict[str, Any]) -> Dict[str, Any]:
        answer = self._ask(question)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def _seed(seed: Seed) -> int:
    if isinstance(seed, Rand):
        return seed.uint64() >> 11
    seed = operator.index(seed)
    if not 0 <= seed < 1 << 53:
        raise ValueError(f"the seed {seed} is not a whole number from 0 to 2**53 - 1")
    return seed
