"""What decoders print, and what it tells."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from threading import Event, Thread

import pytest
from conftest import photograph
from encoders import every_way
from PIL import Image

from imgsim_guard.images.decode import decode, decode_whole
from imgsim_guard.images.decoder_messages import overheard
from imgsim_guard.model import Unreadable

PHOTO = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB")
FILES = every_way(PHOTO, PHOTO.rotate(180))

DAMAGED = Unreadable("damaged: its decoder found errors, and made up the rest")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("JPEG baseline", 1000), ("JPEG progressive", 1000), ("JPEG CMYK", 1000)),
        *(("TIFF JPEG", 100), ("TIFF LZW", 100)),
    ],
)
def test_a_decoder_that_makes_up_what_is_missing_is_not_believed(name: str, size: int) -> None:
    """Zeros in the middle of the data: the decoder prints a line, and makes up a picture."""
    middle = len(FILES[name]) // 2
    hole = FILES[name][:middle] + bytes(size) + FILES[name][middle + size :]

    assert not isinstance(decode(hole), Unreadable)
    assert decode_whole(hole) == DAMAGED


def test_of_a_deep_tiff_with_a_hole_no_decoder_makes_up_anything() -> None:
    data = FILES["TIFF 16 bit"]
    middle = len(data) // 2
    assert isinstance(decode_whole(data[:middle] + bytes(100) + data[middle + 100 :]), Unreadable)


def test_decoders_complaints_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("JPEG baseline", "PNG 8 bit", "TIFF LZW", "GIF", "JPEG 2000 codestream"):
        decode_whole(FILES[name][:-3000] + bytes(3000))
        decode_whole(FILES[name][:5000])
    assert capfd.readouterr().err == ""


def test_what_others_print_meanwhile_is_shown_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy() -> int:
        os.write(2, b"a warning of another thread\nCorrupt JPEG data: bad Huffman code\n\n> where\n")
        os.write(
            2, b"[ WARN:0@1.7] global grfmt_png.cpp:793 readFromStreamOrBuffer PNG input buffer is incomplete\n 50%|"
        )
        return 7

    assert overheard(noisy)[0] == 7
    assert capfd.readouterr().err == "a warning of another thread\n 50%|"


def test_standard_error_is_as_before_when_the_call_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        overheard(lambda: 1 // 0)
    os.write(2, b"here again")
    assert capfd.readouterr().err == "here again"


def test_without_a_standard_error_damage_is_heard_all_the_same() -> None:
    program = (
        "import os, sys; os.close(2)\n"
        "from imgsim_guard.images.decode import decode_whole\n"
        "print(decode_whole(open(sys.argv[1], 'rb').read()))\n"
        "try: os.fstat(2)\n"
        "except OSError: print('closed as before')"
    )
    data = FILES["JPEG baseline"]
    with tempfile.NamedTemporaryFile() as file:
        file.write(data[: len(data) // 4] + data[len(data) * 3 // 4 :])
        file.flush()
        done = subprocess.run([sys.executable, "-c", program, file.name], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == f"{DAMAGED}\nclosed as before\n"


def test_two_threads_hear_only_their_own() -> None:
    heard: dict[str, bytes] = {}
    go = Event()

    def listen(name: str) -> None:
        go.wait()
        for _ in range(50):
            heard[name] = heard.get(name, b"") + overheard(lambda: os.write(2, f"libpng error: {name}\n".encode()))[1]

    threads = [Thread(target=listen, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert heard == {name: f"libpng error: {name}\n".encode() * 50 for name in ("one", "two")}
