"""Photos of every kind, good and bad: what comes in upright and RGB, and what is refused with which sentence."""

from __future__ import annotations

import base64
import http.server
import io
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image2poem.errors import PhotoError
from image2poem.photo import find_photos, load_photo
from image2poem.settings import Settings

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
ROTATED_BY_THE_CAMERA = 6  # EXIF orientation: the top of the scene is the right side of the stored picture

# 32 x 48, red above blue, held sideways: stored as 48 x 32 with an `irot` box and EXIF orientation 6, as phones do.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB7AABAAAAAAAAAC4AAgAAAAACGgABAAAAAAAAAFYAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s"
    "cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAA"
    "AwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAIxtZGF0AAAAKigBrxmA94RJ"
    "f+cg/nkX8FBr7X7t2tsq/HCPXJMeWyO/GvQwAAu43G23gAAAAAZFeGlmAABNTQAqAAAACAACARIAAwAAAAEABgAAh2kABAAAAAEAAAAmAAAAAAAB"
    "kAMAAgAAABQAAAA4AAAAADIwMjQ6MDk6MTcgMjA6MzE6MDUA"
)


@pytest.fixture
def settings() -> Settings:
    return Settings(timeout=0.5)


def red_above_blue(width: int = 40, height: int = 60) -> Image.Image:
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    return image


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def about(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], within: int = 40) -> bool:
    return bool(np.abs(np.array(image.getpixel(at)) - colour).max() <= within)


def assert_red_above_blue(image: Image.Image) -> None:
    assert image.mode == "RGB"
    assert image.height > image.width
    assert about(image, (image.width // 2, image.height // 8), RED)
    assert about(image, (image.width // 2, image.height * 7 // 8), BLUE)


def refusal(source: str | Path | bytes | Image.Image, settings: Settings | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        load_photo(source, settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# --- pictures that are welcome ----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_common_format_opens(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"a photo with spaces.{format.lower()}"
    path.write_bytes(encoded(red_above_blue(), format))
    photo = load_photo(path)
    assert photo.name == str(path)
    assert photo.image.size == (40, 60)
    assert_red_above_blue(photo.image)
    assert photo.exif == {}


def test_a_path_as_a_string_bytes_and_an_image_are_the_same_photo(tmp_path: Path) -> None:
    data = encoded(red_above_blue(), "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (str(path), data, red_above_blue(), Image.open(path)):
        assert_red_above_blue(load_photo(source).image)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(red_above_blue(), "WEBP"))
    assert_red_above_blue(load_photo(path).image)


def test_a_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "photo.png").write_bytes(encoded(red_above_blue(), "PNG"))
    assert_red_above_blue(load_photo("~/photo.png").image)


def test_the_image_that_was_given_stays_as_it_was() -> None:
    image = red_above_blue(400, 600)
    image.getexif()[0x0112] = ROTATED_BY_THE_CAMERA
    photo = load_photo(image, max_side=50)
    assert photo.image.size == (50, 33)
    assert image.size == (400, 600)
    assert image.getexif()[0x0112] == ROTATED_BY_THE_CAMERA
    load_photo(red := Image.new("RGB", (4, 4), RED)).image.paste(BLUE, (0, 0, 4, 4))
    assert red.getpixel((0, 0)) == RED


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("max_side", [None, 30])
def test_a_photo_taken_sideways_is_upright(format: str, max_side: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED_BY_THE_CAMERA
    stored = red_above_blue().transpose(Image.Transpose.ROTATE_90)
    photo = load_photo(encoded(stored, format, exif=exif), max_side=max_side)
    assert photo.exif["orientation"] == ROTATED_BY_THE_CAMERA
    assert_red_above_blue(photo.image)


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_every_way_to_hold_a_camera(orientation: int, stored: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = load_photo(encoded(red_above_blue().transpose(stored), "PNG", exif=exif))
    assert_red_above_blue(photo.image)


def test_when_and_where_are_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2024:09:17 20:31:05", 0x9011: "+08:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 18.0, 36.0), 3: "W", 4: (120.0, 30.0, 0.0)})
    photo = load_photo(encoded(red_above_blue(), "JPEG", exif=exif))
    assert photo.exif == {
        "datetime": "2024-09-17T20:31:05+08:00",
        "latitude": pytest.approx(31.31),
        "longitude": pytest.approx(-120.5),
    }


def test_exif_that_makes_no_sense_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (931.0, 0.0, 0.0), 3: "E", 4: (1.0, 2.0)})
    photo = load_photo(encoded(red_above_blue(), "JPEG", exif=exif))
    assert photo.exif == {}
    assert_red_above_blue(photo.image)


def test_garbled_exif_does_not_spoil_the_picture() -> None:
    garbled = b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff" + bytes(range(200))
    assert_red_above_blue(load_photo(encoded(red_above_blue(), "JPEG", exif=garbled)).image)


def test_heic_taken_sideways_is_upright() -> None:
    pytest.importorskip("pi_heif", reason="the extra heic is not installed")
    photo = load_photo(HEIC)
    assert photo.image.size == (32, 48)
    assert_red_above_blue(photo.image)
    assert photo.exif == {"datetime": "2024-09-17T20:31:05", "orientation": ROTATED_BY_THE_CAMERA}


def test_heic_without_the_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(HEIC)
    sentence = refusal(path)
    assert str(path) in sentence
    assert "pip install 'image2poem[heic]'" in sentence


def test_cmyk_keeps_its_colours() -> None:
    for format in ("JPEG", "TIFF"):
        assert_red_above_blue(load_photo(encoded(red_above_blue().convert("CMYK"), format)).image)


def test_cmyk_with_a_broken_profile_keeps_its_colours() -> None:
    data = encoded(red_above_blue().convert("CMYK"), "JPEG", icc_profile=b"no profile at all")
    assert_red_above_blue(load_photo(data).image)


def test_sixteen_bits_become_eight() -> None:
    steps = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(8, axis=0)
    for format in ("PNG", "TIFF"):
        photo = load_photo(encoded(Image.fromarray(steps), format))
        grey = np.asarray(photo.image)[0, :, 0].astype(int)
        assert photo.image.mode == "RGB"
        assert np.abs(grey - np.linspace(0, 255, 64)).max() <= 1


def test_sixteen_bit_colour_keeps_its_colours() -> None:
    rows = [b"\0" + struct.pack(">3H", *(65535, 0, 0) if y < 4 else (0, 0, 65535)) * 4 for y in range(8)]
    assert_red_above_blue(load_photo(png(4, 8, b"".join(rows), depth=16)).image)


@pytest.mark.parametrize("top", [1.0, 255.0, 5000.0])
def test_pictures_of_real_numbers(top: float) -> None:
    steps = np.linspace(0, top, 64, dtype=np.float32)[None].repeat(8, axis=0)
    photo = load_photo(encoded(Image.fromarray(steps), "TIFF"))
    assert photo.image.getpixel((0, 0)) == (0, 0, 0)
    assert photo.image.getpixel((63, 0))[0] >= (255 if top in (1.0, 255.0) else 15)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    photo = load_photo(encoded(image.convert(mode), "PNG"))
    assert photo.image.getpixel((15, 10)) == WHITE
    assert photo.image.getpixel((5, 10)) == (0, 0, 0)


def test_a_palette_with_one_transparent_colour_becomes_white() -> None:
    image = red_above_blue().quantize(4)
    clear = image.getpixel((0, 59))
    photo = load_photo(encoded(image, "GIF", transparency=clear))
    assert about(photo.image, (20, 10), RED)
    assert photo.image.getpixel((20, 50)) == WHITE


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(format: str) -> None:
    later = [Image.new("RGB", (40, 60), colour) for colour in ("green", "black")]
    data = encoded(red_above_blue(), format, save_all=True, append_images=later, duration=50)
    assert_red_above_blue(load_photo(data).image)


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr", "HSV"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    assert load_photo(red_above_blue().convert(mode)).image.mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (10_000, 1), (1, 10_000)])
@pytest.mark.parametrize("max_side", [None, 1024])
def test_the_smallest_and_the_narrowest(size: tuple[int, int], max_side: int | None) -> None:
    photo = load_photo(encoded(Image.new("RGB", size, RED), "PNG"), max_side=max_side)
    assert photo.image.size == (size if max_side is None else tuple(min(side, 1024) for side in size))
    assert photo.image.getpixel((0, 0)) == RED


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_max_side_shrinks_and_without_it_every_pixel_is_there(format: str) -> None:
    data = encoded(red_above_blue(1200, 1800), format)
    small = load_photo(data, max_side=256).image
    assert small.size == (171, 256)
    assert_red_above_blue(small)
    assert load_photo(data).image.size == (1200, 1800)
    assert load_photo(data, max_side=5000).image.size == (1200, 1800)


# --- what is refused --------------------------------------------------------------------------------------------


def png(width: int, height: int, rows: bytes, depth: int = 8) -> bytes:
    """A PNG of RGB, written by hand so that its header can say what Pillow would not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def test_missing(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "none.jpg")
    assert f"'{tmp_path / 'none.jpg'}' doesn't exist" in sentence


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000 + ".jpg", "~nobody-of-this-name/a.jpg", ""])
def test_names_that_no_file_can_have(name: str) -> None:
    assert refusal(name)


def test_a_folder_is_not_a_photo(tmp_path: Path) -> None:
    assert f"'{tmp_path}' is a folder" in refusal(tmp_path)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "closed.png"
    path.write_bytes(encoded(red_above_blue(), "PNG"))
    path.chmod(0)
    assert "permission denied" in refusal(path)
    assert "chmod u+r" in refusal(path)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "photo.png").write_bytes(encoded(red_above_blue(), "PNG"))
    folder.chmod(0)
    try:
        assert "permission denied" in refusal(folder / "photo.png")
        assert find_photos([str(folder / "photo.png")]) == [folder / "photo.png"]
        with pytest.raises(PhotoError, match="permission denied"):
            find_photos([str(folder)])
    finally:
        folder.chmod(0o700)


def test_permission_is_named_whoever_runs_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    sentence = refusal(tmp_path / "closed.png")
    assert "permission denied" in sentence
    assert "chmod u+r" in sentence


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    assert f"'{path}' is empty (0 bytes)" in refusal(path)
    assert "empty" in refusal(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"just some words\n" * 100,
        b"%PDF-1.7\n" + bytes(1000),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\xff",
        bytes(4096),
        b"\0\0\0\x18ftypisom\0\0\0\0" + bytes(1000),
    ],
)
def test_not_a_picture(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    sentence = refusal(path)
    assert f"'{path}' is not a picture" in sentence
    assert "JPEG" in sentence


@pytest.mark.parametrize("max_side", [None, 64])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated(tmp_path: Path, format: str, max_side: int | None) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    path = tmp_path / "half.img"
    data = encoded(noise, format)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(PhotoError) as caught:
        load_photo(path, max_side=max_side)
    assert str(path) in str(caught.value)
    assert "again" in str(caught.value) or "its beginning is damaged" in str(caught.value)


def test_truncated_heic() -> None:
    pytest.importorskip("pi_heif", reason="the extra heic is not installed")
    for length in (64, 300, len(HEIC) - 100):
        assert "damaged" in refusal(HEIC[:length])


def test_damage_anywhere_is_a_sentence_and_never_another_error() -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED_BY_THE_CAMERA
    rng = np.random.default_rng(1)
    for format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        whole = bytearray(
            encoded(red_above_blue(), format, exif=exif) if format != "BMP" else encoded(red_above_blue(), format)
        )
        for _ in range(60):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), 4):
                data[at] = rng.integers(256)
            try:
                load_photo(bytes(data))
            except PhotoError as error:
                assert "\n" not in str(error)


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    sentence = refusal(png(20_000, 20_000, b""))
    assert "pixels" in sentence
    assert "save it smaller" in sentence


def test_a_real_bomb_is_refused_quickly(tmp_path: Path) -> None:
    row = b"\0" + bytes(3 * 20_000)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row * 100) for _ in range(200)) + packer.flush()
    path = tmp_path / "bomb.png"
    plain = png(20_000, 20_000, b"")
    path.write_bytes(plain[:33] + struct.pack(">I", len(body)) + b"IDAT" + body + bytes(4) + plain[-12:])
    assert path.stat().st_size < 10_000_000
    assert "pixels" in refusal(path)


def test_the_limit_of_pixels_is_a_setting(recwarn: pytest.WarningsRecorder) -> None:
    data = encoded(red_above_blue(), "PNG")
    sentence = refusal(data, Settings(max_pixels=2399))
    assert "40 x 60 pixels" in sentence
    assert "IMAGE2POEM_MAX_PIXELS" in sentence
    assert load_photo(data, Settings(max_pixels=2400)).image.size == (40, 60)
    assert "pixels" in refusal(red_above_blue(), Settings(max_pixels=2399))
    assert "damaged" in refusal(png(9_900, 10_000, b""))  # within our limit; Pillow would have warned
    assert not recwarn.list


def test_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(red_above_blue(), "PNG"))
    settings = Settings(max_bytes=path.stat().st_size - 1)
    assert "IMAGE2POEM_MAX_BYTES" in refusal(path, settings)
    assert "IMAGE2POEM_MAX_BYTES" in refusal(path.read_bytes(), settings)
    assert_red_above_blue(load_photo(path, Settings(max_bytes=path.stat().st_size)).image)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_file_without_end() -> None:
    assert "larger than" in refusal("/dev/zero", Settings(max_bytes=100_000))


# --- URLs -------------------------------------------------------------------------------------------------------


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    pages: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        try:
            page(self)
        except OSError:
            self.close_connection = True  # the client had enough

    def log_message(self, *_: object) -> None:
        pass


def answer(
    body: bytes, kind: str | None = "image/png", length: int | None = None
) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def page(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if kind is not None:
            handler.send_header("Content-Type", kind)
        if length != -1:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return page


def redirect(to: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def page(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return page


def endless(pause: float) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def page(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.end_headers()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            handler.wfile.write(bytes(1000))
            time.sleep(pause)

    return page


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = _Server(("127.0.0.1", 0), _Handler)
    server.pages = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def address(server: _Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


@pytest.mark.parametrize("kind", ["image/png", "image/png; charset=binary", "application/octet-stream", None])
def test_a_photo_at_a_url(server: _Server, settings: Settings, kind: str | None) -> None:
    server.pages["/photo"] = answer(encoded(red_above_blue(), "PNG"), kind)
    url = address(server, "/photo")
    photo = load_photo(url, settings)
    assert photo.name == url
    assert_red_above_blue(photo.image)


def test_a_url_with_chinese_in_it_and_a_redirect(server: _Server, settings: Settings) -> None:
    server.pages["/%E6%B1%9F%E6%9C%88.png?q=%E5%A4%9C"] = redirect("/elsewhere")
    server.pages["/elsewhere"] = answer(encoded(red_above_blue(), "PNG"))
    assert_red_above_blue(load_photo(address(server, "/江月.png?q=夜#top"), settings).image)


def test_a_url_that_is_not_there(server: _Server, settings: Settings) -> None:
    url = address(server, "/none.jpg")
    sentence = refusal(url, settings)
    assert url in sentence
    assert "404" in sentence


def test_a_url_of_a_page(server: _Server, settings: Settings) -> None:
    server.pages["/"] = answer(b"<html></html>", "text/html; charset=utf-8")
    assert "text/html" in refusal(address(server, "/"), settings)
    server.pages["/liar.jpg"] = answer(b"<html></html>", "image/jpeg")
    assert "is not a picture" in refusal(address(server, "/liar.jpg"), settings)
    server.pages["/empty.jpg"] = answer(b"", "image/jpeg")
    assert "empty" in refusal(address(server, "/empty.jpg"), settings)


def test_a_url_that_is_too_large(server: _Server) -> None:
    settings = Settings(timeout=5, max_bytes=5000)
    server.pages["/declared"] = answer(b"", length=10**12)
    server.pages["/undeclared"] = endless(pause=0)
    for path in ("/declared", "/undeclared"):
        assert "larger than 5,000 bytes" in refusal(address(server, path), settings)


def test_a_url_that_breaks_off(server: _Server, settings: Settings) -> None:
    data = encoded(red_above_blue(), "PNG")
    server.pages["/half"] = answer(data[:50], length=len(data))
    assert "broke off after 50" in refusal(address(server, "/half"), settings)


def test_a_url_that_takes_too_long(server: _Server, settings: Settings) -> None:
    def silent(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(2)

    server.pages["/silent"] = silent
    server.pages["/dripping"] = endless(pause=0.1)  # each read succeeds; the whole never ends
    for path in ("/silent", "/dripping"):
        assert "longer than 0.5 seconds" in refusal(address(server, path), settings)


def test_a_server_that_is_not_there(server: _Server, settings: Settings) -> None:
    url = address(server, "/photo.png")
    server.server_close()
    assert "can't be fetched" in refusal(url, settings)


def test_a_host_that_is_not_there(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    sentence = refusal("http://no-such-host.invalid/photo.jpg", settings)
    assert "no-such-host.invalid" in sentence


@pytest.mark.parametrize("url", ["ftp://example.org/a.jpg", "file:///etc/passwd", "gopher://x/", "s3://bucket/a.jpg"])
def test_other_schemes(url: str) -> None:
    assert "only http:// and https:// work" in refusal(url)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "https://x y/", "http://h:port/", "http://.../"])
def test_urls_that_make_no_sense(url: str, settings: Settings) -> None:
    assert url in refusal(url, settings)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/a.png"])
def test_a_redirect_does_not_leave_http(server: _Server, settings: Settings, to: str) -> None:
    server.pages["/"] = redirect(to)
    assert refusal(address(server, "/"), settings)


# --- many photos ------------------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in (
        "b.jpg",
        "a.PNG",
        "sub/c.heic",
        "sub/deeper/d.webp",
        ".hidden.jpg",
        ".git/e.jpg",
        "notes.txt",
        "[x].jpg",
    ):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


def names(found: list[Path | str], album: Path) -> list[str]:
    return [Path(path).relative_to(album).as_posix() for path in found]


def test_a_folder_gives_its_pictures_sorted_without_hidden_ones(album: Path) -> None:
    assert names(find_photos([str(album)]), album) == ["[x].jpg", "a.PNG", "b.jpg", "sub/c.heic", "sub/deeper/d.webp"]


def test_a_glob_gives_what_it_matches(album: Path) -> None:
    assert names(find_photos([f"{album}/*.jpg"]), album) == ["[x].jpg", "b.jpg"]
    assert names(find_photos([f"{album}/**/*.webp"]), album) == ["sub/deeper/d.webp"]
    assert names(find_photos([f"{album}/s*"]), album) == ["sub/c.heic", "sub/deeper/d.webp"]


def test_a_file_is_taken_as_it_is_even_with_brackets_in_its_name(album: Path) -> None:
    assert names(find_photos([str(album / "[x].jpg"), album / "notes.txt"]), album) == ["[x].jpg", "notes.txt"]


def test_nothing_comes_twice(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(album)
    assert find_photos(["b.jpg", "./b.jpg", str(album / "b.jpg"), "*.jpg"]) == [Path("b.jpg"), Path("[x].jpg")]


def test_one_missing_file_does_not_stop_the_rest(album: Path) -> None:
    assert names(find_photos([str(album / "none.jpg"), str(album / "b.jpg")]), album) == ["none.jpg", "b.jpg"]


def test_urls_pass_through(album: Path) -> None:
    url = "https://example.org/a//b.jpg?x=*"
    assert find_photos([url, str(album / "b.jpg"), url]) == [url, album / "b.jpg"]


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PhotoError, match="there is no picture in the folder") as caught:
        find_photos([str(tmp_path)])
    assert str(tmp_path) in str(caught.value)


def test_a_glob_without_matches(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no picture matches"):
        find_photos([f"{tmp_path}/*.jpg"])
