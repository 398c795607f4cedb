"""Gather the photos outside the usual sets that were tagged, out of clones of the repositories that hold them.

usage: python -m training.photos --tags FILE ... --clones DIR --out DIR

--tags    lines {"set", "file", "src": "owner/name path", ...}, as training/imagery_tags*.jsonl; lines without src are skipped
--clones  DIR/owner/name is a git repository, bare or not; the newest version of a path in any of its branches is taken
--out     NAME.zip and NAME.jsonl for each set, as training.image_features reads them

Photos are kept 512 pixels long at most. What can't be found is told, and left out.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from training.rows import RowsError, run

LONGEST = 512
COCO = "nsimsiri/Image-Captioning"  # COCO's photos, 256 pixels wide, by their own names
Image.MAX_IMAGE_PIXELS = None


def source(src: str) -> tuple[str, str]:
    """(repository, path in it)."""
    repository, _, path = src.partition(" ")
    if repository != "COCO":
        return repository, path
    return COCO, f"data/{'val_' if '_val' in path else ''}resized2014/{path}"


def blobs(repository: Path, paths: set[str]) -> Iterator[tuple[str, bytes]]:
    """(path, content) of what a repository has of these paths."""
    git = ["git", "-C", str(repository)]
    listed = subprocess.run(
        [*git, "-c", "core.quotePath=false", "rev-list", "--all", "--objects", "--missing=allow-any"],
        capture_output=True, check=True,
    ).stdout.decode("utf-8", "replace")  # fmt: skip
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, path = line.partition(" ")
        if path in paths and not name.startswith("?"):
            found.setdefault(path, name)
    with subprocess.Popen([*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin and reader.stdout
        for path, name in found.items():
            reader.stdin.write(f"{name}\n".encode())
            reader.stdin.flush()
            head = reader.stdout.readline().split()
            if head[-1] != b"missing":
                yield path, reader.stdout.read(int(head[2]) + 1)[:-1]


def shrunk(content: bytes) -> bytes:
    """A photo as a JPEG, LONGEST pixels long at most.

    Raises:
        OSError, SyntaxError, ValueError: it is none.
    """
    photo = Image.open(io.BytesIO(content))
    photo.draft("RGB", (2 * LONGEST, 2 * LONGEST))
    photo = photo.convert("RGB")
    photo.thumbnail((LONGEST, LONGEST), reducing_gap=3.0)
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=90)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=Path, nargs="+", required=True)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = [row for path in args.tags for row in map(json.loads, path.read_text("utf-8").splitlines()) if "src" in row]
    if not rows:
        raise RowsError(f"{args.tags[0]} names no sources; give files whose lines have src")
    wanted: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        repository, path = source(row["src"])
        wanted[repository][path].append(row)
    args.out.mkdir(parents=True, exist_ok=True)
    sets = sorted({row["set"] for row in rows})
    archives = {name: zipfile.ZipFile(args.out / f"{name}.zip.part", "w") for name in sets}
    kept: dict[str, list[dict]] = {name: [] for name in sets}
    for repository, paths in sorted(wanted.items()):
        clone, count, number = args.clones / repository, 0, sum(map(len, paths.values()))
        if not clone.is_dir():
            print(f"{repository}: not in {args.clones}; {number} photos left out", flush=True)
            continue
        for path, content in blobs(clone, set(paths)):
            try:
                photo = shrunk(content)
            except (OSError, SyntaxError, ValueError):
                continue
            for row in paths[path]:
                archives[row["set"]].writestr(row["file"], photo)
                kept[row["set"]].append({"file": row["file"], "captions_zh": [], "split": "train"})
                count += 1
        print(f"{repository}: {count} of {number} photos", flush=True)
    for name in sets:
        archives[name].close()
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in sorted(kept[name], key=lambda row: row["file"]))
        (args.out / f"{name}.jsonl").write_text("".join(lines), "utf-8")
        (args.out / f"{name}.zip.part").rename(args.out / f"{name}.zip")
        print(f"{name}: {len(kept[name])} photos: {args.out / name}.zip")


if __name__ == "__main__":
    run(main)
