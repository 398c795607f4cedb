"""Average the weights of models of one lineage: the mean of several rounds often finds more than the best of them.

usage: python -m training.average --models DIR DIR ... --weights 0.2 0.4 0.4 --out DIR

Wortsman et al. 2022, "Model soups". The models are sentence-transformers folders with the same layers and vocabulary,
trained one from the other; all but the weights is the first one's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sentence_transformers import SentenceTransformer

from training.rows import RowsError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--weights", type=float, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if len(args.models) != len(args.weights) or abs(sum(args.weights) - 1) > 1e-3:
        raise RowsError(f"{args.weights} are no weights of {len(args.models)} models; give one for each, that add to 1")
    model = SentenceTransformer(args.models[0], device="cpu")
    mean = {name: args.weights[0] * value for name, value in model.state_dict().items()}
    for path, weight in zip(args.models[1:], args.weights[1:], strict=True):
        other = SentenceTransformer(path, device="cpu")
        theirs = other.state_dict()
        if other.tokenizer.get_vocab() != model.tokenizer.get_vocab() or theirs.keys() != mean.keys():
            raise RowsError(
                f"{path} has another vocabulary or layers than {args.models[0]}; give models of one lineage"
            )
        for name, value in theirs.items():
            mean[name] += weight * value
    model.load_state_dict(mean)
    model.save(str(args.out))
    print(f"mean of {len(args.models)} models: {args.out}")


if __name__ == "__main__":
    run(main)
