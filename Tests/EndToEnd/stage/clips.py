"""Clips of one colour each, in place of a camera: who is shown where can then be read from one pixel."""

from pathlib import Path

WIDTH, HEIGHT, RATE, FRAMES = 320, 240, 10, 10

# Y, U, V by BT.601.
COLOURS = {"red": (81, 90, 240), "blue": (41, 240, 110)}


def clip(folder: Path, colour: str) -> Path:
    path = folder / f"{colour}.y4m"
    y, u, v = COLOURS[colour]
    quarter = WIDTH * HEIGHT // 4
    frame = b"FRAME\n" + bytes([y]) * (WIDTH * HEIGHT) + bytes([u]) * quarter + bytes([v]) * quarter
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420mpeg2\n".encode() + frame * FRAMES)
    return path


def is_colour(pixel: list[int] | None, colour: str) -> bool:
    """Whether a pixel is that colour, with room for what coding does to it."""
    if not pixel:
        return False
    strong, weak = (pixel[0], pixel[2]) if colour == "red" else (pixel[2], pixel[0])
    return strong > 150 and weak < 90 and pixel[1] < 90
