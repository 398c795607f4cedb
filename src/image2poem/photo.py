"""Where a photo enters the house: a path, bytes, a PIL image or a URL becomes an upright RGB picture and EXIF facts.

Everything that can be wrong with a picture is found here and told in one sentence; later rooms see only good ones.
"""

from __future__ import annotations

import contextlib
import glob
import io
import math
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from image2poem.errors import NotAPhotoError, PhotoError, PhotoTooLargeError
from image2poem.model import Photo
from image2poem.settings import Settings, load_settings

# Formats that cameras and the web use. Pillow knows more, some of which start other programs (EPS: ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".heic", ".heif", ".hif", ".avif"}
)
_SUFFIX_EXAMPLES = ".jpg, .png, .webp, .gif, .bmp, .tif or .heic files"
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_WHITES = (1.0, 255.0, 65535.0)

_warnings_lock = threading.Lock()


def load_photo(
    source: str | Path | bytes | Image.Image, settings: Settings | None = None, *, max_side: int | None = None
) -> Photo:
    """Open a photo as an upright RGB picture.

    Transparency is composed on white, 16 bits become 8, CMYK follows its own colour profile, and of an animation the
    first frame is taken. A picture of any shape is welcome, from 1 x 1 up to the limits.

    Args:
        source: a path, the bytes of a file, a PIL image (left as it is), or an http(s) URL.
        settings: for `max_bytes`, `max_pixels` and `timeout`.
        max_side: shrink to this many pixels on the longer side, which opens a large JPEG several times faster;
            a model needs no more than 1024. None: full resolution, as a card wants it.

    Returns:
        The photo. Its `exif` may hold `datetime` (ISO 8601), `latitude`, `longitude` (degrees, south and west
        negative) and `orientation` (1..8, as the camera wrote it; the picture is upright already).

    Raises:
        PhotoError: with a sentence that names the photo, the reason and the remedy.
    """
    settings = settings or load_settings()
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "the image")
        return _finish(name, source, settings, max_side, ours=False)
    name, data = _read(source, settings)
    if not data:
        raise PhotoError(f"'{name}' is empty (0 bytes); copy or download it again")
    return _finish(name, _open(name, data), settings, max_side, ours=True)


def find_photos(patterns: Sequence[str | Path]) -> list[Path | str]:
    """What a person named on the command line, one entry a photo.

    A folder gives the pictures in it and below, sorted, without hidden files; a glob what it matches. A file or a URL
    that was named outright is taken as it is, even if it can't be opened: `load_photo` will say so, and the rest of
    the batch goes on. Nothing comes twice.

    Returns:
        Paths, and URLs as the strings they are, in the order of the patterns. All of it goes into `load_photo`.

    Raises:
        PhotoError: a folder or a glob in which there is no picture.
    """
    found: dict[Path | str, Path | str] = {}
    for pattern in patterns:
        for photo in _matching(pattern):
            found.setdefault(photo if isinstance(photo, str) else Path(os.path.realpath(photo)), photo)
    return list(found.values())


def _matching(pattern: str | Path) -> list[str] | list[Path]:
    if isinstance(pattern, str) and is_url(pattern):
        return [pattern]
    path = Path(os.path.expanduser(pattern))  # noqa: PTH111 - Path.expanduser raises where there is no such user
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a parent folder is closed to us
        if not os.access(path, os.R_OK | os.X_OK):
            raise PhotoError(
                f"the folder '{path}' can't be read (permission denied); allow it with: chmod u+rx '{path}'"
            )
        photos = list(_pictures_in(path))
        if not photos:
            raise PhotoError(f"there is no picture in the folder '{path}'; name one that holds {_SUFFIX_EXAMPLES}")
        return photos
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - keeps ./
        photos = [photo for match in matches for photo in (_pictures_in(match) if match.is_dir() else [match])]
        photos = [photo for photo in photos if photo.suffix.lower() in SUFFIXES]
        if not photos:
            raise PhotoError(f"no picture matches '{path}'; check the pattern")
        return photos
    return [path]


def _pictures_in(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root, name)


def is_url(text: str) -> bool:
    """Whether the text names something by a scheme (`https://...`) rather than by a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


# --- bytes ------------------------------------------------------------------------------------------------------


def _read(source: str | Path | bytes, settings: Settings) -> tuple[str, bytes]:
    """The name to call a photo by, and its bytes, never more than the limit."""
    if isinstance(source, bytes):
        check_bytes("the image", len(source), settings)
        return "the image", source
    if isinstance(source, str) and is_url(source):
        from image2poem.download import download  # here, because a photo from the disk shall not wait 40 ms for it

        return source, download(source, settings)
    return str(source), _read_file(Path(source), settings)


def _read_file(path: Path, settings: Settings) -> bytes:
    try:
        path = path.expanduser()
        with path.open("rb") as file:
            check_bytes(str(path), os.fstat(file.fileno()).st_size, settings)
            data = file.read(settings.max_bytes + 1)  # a pipe or a device has no size beforehand
    except FileNotFoundError:
        raise PhotoError(f"'{path}' doesn't exist; check the path") from None
    except IsADirectoryError:
        raise PhotoError(f"'{path}' is a folder; name a photo in it, or match the whole folder") from None
    except PermissionError:
        if os.path.isdir(path):  # noqa: PTH112 - how Windows says it; Path.is_dir may raise the same again
            raise PhotoError(f"'{path}' is a folder; name a photo in it, or match the whole folder") from None
        raise PhotoError(f"'{path}' can't be read (permission denied); allow it with: chmod u+r '{path}'") from None
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a zero byte in it, no such ~user, ...
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PhotoError(f"'{path}' can't be read ({reason}); check the path and the disk") from None
    check_bytes(str(path), len(data), settings)
    return data


def check_bytes(name: str, size: int, settings: Settings) -> None:
    """Raise PhotoTooLargeError if a file of this size is over the limit."""
    if size > settings.max_bytes:
        raise PhotoTooLargeError(
            f"'{name}' is larger than {settings.max_bytes:,} bytes; save it smaller, or raise IMAGE2POEM_MAX_BYTES"
        )


# --- pixels -----------------------------------------------------------------------------------------------------


def _open(name: str, data: bytes) -> Image.Image:
    """Read the header, not yet the pixels."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS and b"avif" not in data[8:64]:
        return _open_heif(name, data)
    try:
        with _quiet_pillow():
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise NotAPhotoError(
            f"'{name}' is not a picture, or its beginning is damaged; give a JPEG, PNG, WebP, GIF, BMP, TIFF or HEIC"
        ) from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PhotoTooLargeError(f"'{name}' unpacks to more than {most:,} pixels; save it smaller") from None
    except Exception as error:  # a crafted header can raise nearly anything
        raise _damaged(name, error) from None


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings of large pictures (our limit counts) and odd EXIF (we take what makes sense)."""
    with _warnings_lock, warnings.catch_warnings():  # the filters belong to the whole process
        warnings.simplefilter("ignore")
        yield


def _open_heif(name: str, data: bytes) -> Image.Image:
    try:
        import pi_heif  # an extra: LGPL, for one format
    except ImportError:
        raise NotAPhotoError(f"'{name}' is a HEIC photo; to read those: pip install 'image2poem[heic]'") from None
    try:
        image: Image.Image = pi_heif.HeifImageFile(io.BytesIO(data))
    except Exception as error:
        raise _damaged(name, error) from None
    return image


def _finish(name: str, image: Image.Image, settings: Settings, max_side: int | None, *, ours: bool) -> Photo:
    """From a header to upright RGB pixels."""
    width, height = image.size
    if width * height > settings.max_pixels:
        raise PhotoTooLargeError(
            f"'{name}' is too large ({width:,} x {height:,} pixels, {settings.max_pixels:,} in all are allowed); "
            "save it smaller, or raise IMAGE2POEM_MAX_PIXELS"
        )
    try:
        if image.format == "PNG":
            image.load()  # its EXIF may stand behind the pixels
        with _quiet_pillow():
            exif = _exif_facts(image)  # before a TIFF, being loaded, turns itself and forgets its orientation
        if ours and max_side is not None:
            scale = min(1.0, max_side / max(width, height))
            image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))  # a JPEG at 1/2, 1/4 or 1/8
        image.load()
        image = _rgb(_upright(image))
        if max_side is not None:
            image.thumbnail((max_side, max_side))
    except MemoryError:
        raise PhotoError(f"'{name}' needs more memory than is free; save it smaller") from None
    except Exception as error:  # damaged pixels can raise nearly anything
        raise _damaged(name, error) from None
    return Photo(name=name, image=image, exif=exif)


def _upright(image: Image.Image) -> Image.Image:
    """A copy, turned as its EXIF says."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # garbled EXIF doesn't spoil a picture
        return image.copy()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    if image.mode == "CMYK" and (profile := image.info.get("icc_profile")):
        with contextlib.suppress(ImageCms.PyCMSError, OSError):  # a broken profile: the plain formula will do
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, whole or real numbers: white is the next customary white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    brightest = float(values.max())
    white = 65535.0 if image.mode.startswith("I;16") else next((w for w in _WHITES if brightest <= w), brightest)
    if image.mode == "I":
        white = max(white, 255.0)
    return Image.fromarray((values * (255.0 / white)).clip(0, 255).round().astype(np.uint8))


def _damaged(name: str, error: Exception) -> PhotoError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return PhotoError(f"'{name}' is damaged or cut short ({reason[:120]}); copy or download it again")


# --- EXIF -------------------------------------------------------------------------------------------------------


def _exif_facts(image: Image.Image) -> dict[str, Any]:
    """When, where and how the camera was held, as far as that is told and makes sense. Exif 2.32, 4.6."""
    try:
        exif = image.getexif()
        camera, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        orientation = image.info.get("original_orientation") or exif.get(ExifTags.Base.Orientation)
    except Exception:  # garbled EXIF doesn't spoil a picture
        return {}
    facts = {
        "datetime": _moment(
            camera.get(ExifTags.Base.DateTimeOriginal) or camera.get(ExifTags.Base.DateTimeDigitized),
            camera.get(ExifTags.Base.OffsetTimeOriginal),
        ),
        "latitude": _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), 90),
        "longitude": _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), 180),
        "orientation": orientation if orientation in range(1, 9) else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _moment(text: object, offset: object) -> str | None:
    try:
        moment = datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:  # absent, or 0000:00:00 from a camera whose clock was never set
        return None
    zone = re.fullmatch(r"[+-]\d\d:\d\d", str(offset).strip("\0 "))
    return moment + (zone.group() if zone else "")


def _degrees(parts: Any, side: object, most: int) -> float | None:
    """Degrees, minutes and seconds to degrees; south and west are negative."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    sign = -1 if str(side).strip("b'\0 ")[:1].upper() in ("S", "W") else 1
    return sign * value if 0 <= value <= most else None  # NaN (a zero denominator) is neither
