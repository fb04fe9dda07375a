from __future__ import annotations

import io
import os
import struct
import zlib

import cv2
import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.io import image_header
from wsegs.io.images import Photo, decode_image, image_size, open_photo, read_image, reason


def test_png_gives_its_own_pixels_as_rgb(astronaut, tmp_path):
    PIL.Image.fromarray(astronaut).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert image.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(image, astronaut)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grey", "16-bit", "16-bit grey", "alpha", "palette", "cmyk", "one pixel"])
def test_every_kind_becomes_8_bit_rgb(astronaut, tmp_path, kind):
    path = tmp_path / ("a.jpg" if kind == "cmyk" else "a.png")
    picture = PIL.Image.fromarray(astronaut)
    if kind == "grey":
        picture.convert("L").save(path)
    elif kind == "16-bit":
        cv2.imwrite(str(path), astronaut[..., ::-1].astype(np.uint16) * 257)
    elif kind == "16-bit grey":
        cv2.imwrite(str(path), np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    elif kind == "alpha":
        PIL.Image.fromarray(np.dstack([astronaut, np.full((512, 512), 255, np.uint8)])).save(path)
    elif kind == "palette":
        picture.quantize(64).save(path)
    elif kind == "cmyk":
        picture.convert("CMYK").save(path, quality=95)
    else:
        picture.crop((0, 0, 1, 1)).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape == ((1, 1, 3) if kind == "one pixel" else (512, 512, 3))
    expected = np.asarray(picture.convert("L").convert("RGB") if "grey" in kind else picture)[
        : len(image), : len(image)
    ]
    tolerance = 12 if kind in ("palette", "cmyk") else 0
    assert np.abs(image.astype(int) - expected).mean() <= tolerance


def test_exif_orientation_is_applied(astronaut, tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6  # turned a quarter clockwise to be upright
    PIL.Image.fromarray(astronaut[:200]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (512, 200, 3)
    assert np.abs(image.astype(int) - np.rot90(astronaut[:200], -1)).mean() < 3


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"not an image", "not an image that can be read"),
        (b"\xff\xd8\xff\xe0", "not an image that can be read"),
        (_png(12000, 9000), "12000x9000, more than 80 million pixels"),
        (_png(60000, 60000), "more than 80 million pixels"),
    ],
)
def test_a_file_that_is_no_image_has_a_reason(tmp_path, content, message):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path}: {message}"
    assert reason(caught.value, path) == message


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_image_is_refused(astronaut, tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(astronaut).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match="truncated"):
        read_image(path)


def test_a_truncated_jpeg_with_a_thumbnail_is_refused(astronaut, tmp_path):
    """The end marker of the thumbnail is not the image's."""
    small = tmp_path / "small.jpg"
    PIL.Image.fromarray(astronaut[::16, ::16]).save(small)
    block = b"Exif\0\0" + small.read_bytes()
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(astronaut).save(path)
    data = path.read_bytes()
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    path.write_bytes(data)
    assert read_image(path).shape == (512, 512, 3)
    path.write_bytes(data[:-5000])
    with pytest.raises(DataError, match="truncated JPEG"):
        read_image(path)


def _with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    inserted = b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(block) + 2) + block for m, block in segments)
    return jpeg[:2] + inserted + jpeg[2:]


def _encoded(pixels, kind: str, **options) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("behind", [b"\0\0\0\x18ftypmp42 a film", b"\xff\xd8\xff\xda", b"\xff\xda" * 9, b"\0" * 5000])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_what_is_behind_the_end_of_a_jpeg_is_no_part_of_it(astronaut, tmp_path, behind, options):
    jpeg = _encoded(astronaut[:100, :90], "JPEG", **options)
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg)
    expected = read_image(path)
    path.write_bytes(jpeg + behind)
    np.testing.assert_array_equal(read_image(path), expected)


def test_what_is_behind_the_end_of_a_png_is_no_part_of_it(astronaut, tmp_path):
    (tmp_path / "a.png").write_bytes(_encoded(astronaut[:50], "PNG") + b"a film" * 1000)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), astronaut[:50])


def test_a_photo_with_its_previews_behind_it_is_one_photo(astronaut, tmp_path):
    pixels = [PIL.Image.fromarray(astronaut[::step, ::step]) for step in (2, 8)]
    pixels[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pixels[1:])
    photo = open_photo(tmp_path / "a.jpg")
    assert (photo.size, photo.frames) == ((256, 256), 1)


@pytest.mark.parametrize("marker", [0xFE, 0xE1, 0xED])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_an_end_marker_inside_of_a_segment_ends_nothing(astronaut, tmp_path, marker, options):
    path = tmp_path / "a.jpg"
    data = _with_segments(_encoded(astronaut[:100, :90], "JPEG", **options), (marker, b"\xff\xd9 \xff\xda \xff\xd9"))
    path.write_bytes(data)
    assert read_image(path).shape == (100, 90, 3)
    for share in (0.99, 0.7):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DataError, match="truncated JPEG"):
            read_image(path)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_an_end_marker_inside_of_a_comment_behind_a_cut_scan_ends_nothing(astronaut, tmp_path, options):
    path = tmp_path / "a.jpg"
    data = _encoded(astronaut[:100, :90], "JPEG", **options)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 90) + b"data \xff\xd9 meta" * 7
    for share in (0.9, 0.5):
        path.write_bytes(data[: int(len(data) * share)] + comment)
        with pytest.raises(DataError, match="truncated JPEG"):
            read_image(path)


def test_a_cut_png_that_speaks_of_its_end_is_refused(astronaut, tmp_path):
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("Comment", "IEND")
    data = _encoded(astronaut[:50], "PNG", pnginfo=info)
    (tmp_path / "a.png").write_bytes(data[:-900])
    with pytest.raises(DataError, match="truncated PNG"):
        read_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(data[:900])
    with pytest.raises(DataError, match="truncated PNG"):
        read_image(tmp_path / "a.png")


def _cut_out() -> NDArray[np.uint8]:
    """Return (20, 30, 4): red; the lower half is transparent, and one pixel by half."""
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:10, :, 3] = 255
    pixels[5, 5, 3] = 128
    return pixels


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_transparent_pixels_are_white(tmp_path, kind, options):
    path = tmp_path / "a.image"
    path.write_bytes(_encoded(_cut_out(), kind, **options))
    for image in (read_image(path), open_photo(path).colour()):
        assert image[0, 0].tolist() == [200, 0, 0]
        assert image[5, 5].tolist() == [227, 127, 127]
        assert image[15, 15].tolist() == [255, 255, 255]
    assert open_photo(path).grey()[15, 15] == 255


def test_grey_palettes_and_16_bit_are_transparent_too(tmp_path):
    pixels = PIL.Image.fromarray(_cut_out())
    grey = _encoded(np.asarray(pixels.convert("LA")), "PNG")
    palette = io.BytesIO()
    numbers = PIL.Image.fromarray((np.arange(600).reshape(20, 30) // 300).astype(np.uint8)).convert("P")
    numbers.putpalette([60, 60, 60, 0, 0, 0])
    numbers.save(palette, "PNG", transparency=1)
    key = _encoded(np.where(_cut_out()[..., 3:] > 0, np.uint8(60), np.uint8(9))[..., 0], "PNG", transparency=9)
    deep = cv2.imencode(".png", _cut_out().astype(np.uint16) * 257)[1].tobytes()
    for data in (grey, palette.getvalue(), key, deep):
        image = decode_image(data, "a.png")
        assert image[15, 15].tolist() == [255, 255, 255]
        assert image[0, 0].max() < 255
    assert decode_image(grey, "a.png")[0, 0].tolist() == [60, 60, 60]


def test_a_turned_cut_out_is_upright(tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6
    for kind in ("PNG", "WEBP", "TIFF"):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(_encoded(_cut_out(), kind, exif=exif))
        image = read_image(path)
        assert image.shape == (30, 20, 3)
        assert image[15, 2].tolist() == [255, 255, 255]
        assert image[15, 15, 1] < 40
        assert image_size(path) == (20, 30)


def test_an_image_of_which_nothing_is_seen_is_refused(astronaut, tmp_path):
    invisible = np.dstack([astronaut, np.zeros((512, 512), np.uint8)])
    (tmp_path / "a.png").write_bytes(_encoded(invisible, "PNG"))
    with pytest.raises(DataError, match=r"a\.png: every pixel is transparent, so there is nothing to see"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG"])
def test_of_several_pages_or_frames_the_first_counts(astronaut, tmp_path, kind):
    pages = [PIL.Image.fromarray(astronaut[:64, :80]), PIL.Image.new("RGB", (80, 64), (0, 0, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    pages[0].save(tmp_path / "a", kind, save_all=True, append_images=pages[1:], **options)
    photo = open_photo(tmp_path / "a")
    assert photo.frames == 2
    assert np.abs(photo.colour().astype(int) - astronaut[:64, :80]).mean() < 12
    pages[0].save(tmp_path / "b", kind)
    assert open_photo(tmp_path / "b").frames == 1


def test_kinds_that_pillow_alone_reads(astronaut, tmp_path):
    (tmp_path / "a.tga").write_bytes(_encoded(astronaut[:64], "TGA"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tga"), astronaut[:64])


def test_what_is_no_file_has_a_reason(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    for name, message in [
        ("folder.jpg", "a directory"),
        ("pipe.jpg", "not a regular file"),
        ("circle.jpg", "Too many levels of symbolic links"),
        ("missing.jpg", "No such file or directory"),
    ]:
        with pytest.raises(DataError, match=message):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_is_what_the_reader_reads(astronaut, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(astronaut[:300]).save(path)
    photo = open_photo(path)
    image = read_image(path)
    assert (photo.size, photo.reduction) == ((512, 300), 1)
    np.testing.assert_array_equal(photo.colour(), image)
    # A JPEG's own brightness is not rounded twice.
    difference = np.abs(photo.grey().astype(int) - cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    assert difference.mean() < (0.5 if suffix == ".jpg" else 1e-9)
    in_memory = Photo.of_array(image)
    np.testing.assert_array_equal(in_memory.grey(), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    assert in_memory.size == photo.size


@pytest.mark.parametrize(("needed", "reduction"), [(0, 1), (1024, 1), (256, 2), (200, 2), (128, 4), (20, 8)])
def test_a_large_jpeg_is_decoded_no_smaller_than_needed(astronaut, tmp_path, needed, reduction):
    """It is reduced by whole pixels, upright whatever its EXIF orientation, and its size is that of the whole."""
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.fromarray(astronaut[:304]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    photo = open_photo(tmp_path / "a.jpg", needed)
    assert photo.reduction == reduction
    assert photo.size == (304, 512)
    assert photo.grey().shape == (512 // reduction, 304 // reduction)
    assert photo.colour().shape == (*photo.grey().shape, 3)
    upright = np.rot90(astronaut[:304], -1)
    if reduction > 1:
        small = upright.reshape(512 // reduction, reduction, 304 // reduction, reduction, 3).mean(axis=(1, 3))
        assert np.abs(photo.colour() - small).mean() < 4


def test_a_png_and_a_nearly_square_jpeg_are_read_whole(astronaut, tmp_path):
    PIL.Image.fromarray(astronaut).save(tmp_path / "a.png")
    assert open_photo(tmp_path / "a.png", 64).reduction == 1
    PIL.Image.fromarray(astronaut[:511]).save(tmp_path / "a.jpg")
    assert open_photo(tmp_path / "a.jpg", 64).reduction == 1  # reduced, which side is longer would be lost


def _heic(folder, pixels):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    path = folder / "a.heic"
    pillow_heif.from_pillow(PIL.Image.fromarray(pixels)).save(path, quality=95)
    return path


def test_heic_is_read_where_its_library_is_there(astronaut, tmp_path):
    pixels = astronaut[:200, :160]
    path = _heic(tmp_path, pixels)
    read = read_image(path)
    assert read.shape == pixels.shape
    assert np.abs(read.astype(int) - pixels).mean() < 3
    assert image_size(path) == open_photo(path).size == (160, 200)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"a\.heic: not "):
        read_image(path)


def test_several_pictures_of_a_heic_are_counted(astronaut, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    both = pillow_heif.from_pillow(PIL.Image.fromarray(astronaut[:100]))
    both.add_from_pillow(PIL.Image.fromarray(astronaut[100:200]))
    both.save(tmp_path / "a.heic", quality=95)
    assert open_photo(tmp_path / "a.heic").frames == 2
    assert np.abs(read_image(tmp_path / "a.heic").astype(int) - astronaut[:100]).mean() < 5


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_without_its_library_names_it(tmp_path, monkeypatch, brand):
    """As Pillow says of it where nothing was registered."""
    monkeypatch.setattr(image_header, "find_spec", lambda name: None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1heic" + b"\0" * 60)
    with pytest.raises(DataError, match=r"a\.heic: not an image.*: HEIC, .* \(pip install pillow-heif\)"):
        read_image(tmp_path / "a.heic")
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x1cftypisom" + b"\0" * 60)
    with pytest.raises(DataError, match=r"a\.mp4: not an image that can be read$"):
        read_image(tmp_path / "a.mp4")
