"""Learn what the exported reranker's features weigh: a dozen numbers, on dev rows that its network was not trained on.

usage: python -m training.reranker_mix FOLDER --choices ROWS.jsonl --candidates CANDIDATES.jsonl ... [--depth 30] [--most 800]

--choices     rows with three negatives: the verse against these
--candidates  of training.candidates, for whole verses and, by --halves, for clauses of them: the answer against the first

The network has all but learnt its train rows by heart, so on them it trusts itself too much; on rows that it never saw
the features get the weights that they deserve. It is a conditional logistic regression in which a verse counts as the
better of itself and its clauses. Two halves of the rows, each judged with what the other taught, tell what that is worth.
Writes the weights into the folder's card.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from image2poem.corpus.convert import fold
from image2poem.rerank.late import FEATURES, LateInteraction
from training.rows import Row, read_rows, run

RIDGE = 1e-4  # keeps weights that nothing decides near where they began
ROUNDS = 4


@dataclass(frozen=True)
class Question:
    """Verses for one query by their features, and which of them are right."""

    kind: str
    features: NDArray[np.float32]
    owner: NDArray[np.int64]
    whole: NDArray[np.bool_]
    right: NDArray[np.bool_]

    def worth(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each verse: float64[n]."""
        parts = self.features @ weights[:-1] - np.where(self.whole, 0.0, weights[-1])
        worth = np.full(len(self.right), -np.inf)
        np.maximum.at(worth, self.owner, parts)
        return worth

    def answered(self, weights: NDArray[np.float64]) -> bool:
        """Whether a right verse is judged best."""
        return bool(self.right[self.worth(weights).argmax()])


def question(kind: str, reranker: LateInteraction, query: str, verses: list[str], answers: list[str]) -> Question:
    """Ask the network once."""
    forms = {fold(verse) for verse in answers}
    right = np.array([fold(verse) in forms for verse in verses])
    return Question(kind, *reranker.features(query, verses), right)


def loss(questions: Sequence[Question], start: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], float]:
    """Mean of the negative logarithm of the chance that a right verse is chosen; of the kinds each counts the same."""
    kinds = {one.kind for one in questions}
    share = {kind: 1 / sum(one.kind == kind for one in questions) / len(kinds) for kind in kinds}

    def of(weights: NDArray[np.float64]) -> float:
        total = RIDGE * float(((weights - start) ** 2).sum())
        for one in questions:
            worth = one.worth(weights)
            chance = np.exp(worth - worth.max())
            total -= share[one.kind] * float(np.log(chance[one.right].sum() / chance.sum() + 1e-9))
        return total

    return of


def learn(questions: Sequence[Question], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of FEATURES, and what a clause is worth less than its verse: float64[len(FEATURES) + 1]."""
    taught = [one for one in questions if one.right.any()]
    found = minimize(loss(taught, start), start, method="Powell", options={"maxiter": ROUNDS})
    return np.asarray(found.x)


def told(questions: Sequence[Question], answered: Sequence[bool]) -> str:
    """The share that is answered, of each kind."""
    right: dict[str, list[bool]] = {}
    for one, good in zip(questions, answered, strict=True):
        right.setdefault(one.kind, []).append(good)
    return ", ".join(f"{kind} {np.mean(some):.3f} of {len(some)}" for kind, some in right.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--choices", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, nargs="+", required=True)
    parser.add_argument("--depth", type=int, default=30)
    parser.add_argument("--most", type=int, default=800, help="questions out of each file")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    reranker, draw = LateInteraction(args.folder, args.threads), random.Random(0)

    def some(rows: list[Row]) -> list[Row]:
        return draw.sample(rows, min(args.most, len(rows)))

    questions = [
        question("1 of 4", reranker, row["query"], [row["pos"][0], *row["neg"][:3]], row["pos"])
        for row in some([row for row in read_rows(args.choices) if len(row["neg"]) >= 3])
    ]
    for path in args.candidates:
        for row in some(read_rows(path)):
            verses = row["candidates"][: args.depth]
            questions.append(question(path.stem, reranker, row["query"], verses, row["pos"]))
    card = json.loads((args.folder / "card.json").read_text("utf-8"))
    before = np.array([*(card["mix"][name] for name in FEATURES), card["mix"]["clause"]])
    print(f"before: {told(questions, [one.answered(before) for one in questions])}", flush=True)
    start = np.append(before[:-1], min(before[-1], 3.0))
    sides = [draw.random() < 0.5 for _ in questions]
    taught = {
        side: learn([q for q, s in zip(questions, sides, strict=True) if s != side], start) for side in (True, False)
    }
    crossed = [one.answered(taught[side]) for one, side in zip(questions, sides, strict=True)]
    print(f"each half with what the other taught: {told(questions, crossed)}", flush=True)
    weights = learn(questions, start)
    print(f"all with what all taught: {told(questions, [one.answered(weights) for one in questions])}")
    card["mix"] = {name: round(float(w), 3) for name, w in zip((*FEATURES, "clause"), weights, strict=True)}
    (args.folder / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps(card["mix"]))


if __name__ == "__main__":
    run(main)
