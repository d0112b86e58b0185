#!/usr/bin/env python3
"""Writes png/*.png for tests/base/test_png.c: one 5 x 4 picture in every colour type and depth.

Only the standard library: the files do not depend on the library under test. Pixel x, y:
  RGB   40x+10, 60y+5, 12xy        gray  40x+10y        alpha  255-50y
Depths below 8 keep the top bits of gray; 16 bits repeat the byte.
"""
import struct
import zlib

W, H = 5, 4
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
WHOLE = [(0, 0, 1, 1)]


def rgb(x, y):
    return (40 * x + 10, 60 * y + 5, 12 * x * y)


def gray(x, y):
    return (40 * x + 10 * y,)


def alpha(x, y):
    return (255 - 50 * y,)


def index(x, y):
    return (x + y,)


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def row(pixels, depth):
    bits = "".join(format(sample, "0%db" % depth) for pixel in pixels for sample in pixel)
    bits += "0" * (-len(bits) % 8)
    return b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def raw(pixel, depth, passes):
    def samples(x, y):
        return [s * 257 if depth == 16 else s >> (8 - depth) if pixel == gray else s for s in pixel(x, y)]

    rows = []
    for x0, y0, dx, dy in passes:
        for y in range(y0, H, dy):
            if x0 < W:
                rows.append(row([samples(x, y) for x in range(x0, W, dx)], depth))
    return b"".join(rows)


def write(name, colour, depth, pixel, passes=WHOLE, extra=b"", size=(W, H), data=None):
    ihdr = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, passes is ADAM7)
    idat = zlib.compress(raw(pixel, depth, passes), 9) if data is None else data
    with open("png/" + name + ".png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", idat) + chunk(b"IEND", b""))


PALETTE = chunk(b"PLTE", b"".join(bytes((30 * i, 255 - 20 * i, 7 * i)) for i in range(8)))
PALETTE_ALPHA = PALETTE + chunk(b"tRNS", bytes(32 * i for i in range(8)))


def rgba(x, y):
    return rgb(x, y) + alpha(x, y)


def gray_alpha(x, y):
    return gray(x, y) + alpha(x, y)


for d in (1, 2, 4, 8, 16):
    write("gray%d" % d, 0, d, gray)
for d in (8, 16):
    write("rgb%d" % d, 2, d, rgb)
    write("rgba%d" % d, 6, d, rgba)
    write("gray_alpha%d" % d, 4, d, gray_alpha)
write("palette4", 3, 4, index, extra=PALETTE)
write("palette8", 3, 8, index, extra=PALETTE)
write("palette_alpha", 3, 8, index, extra=PALETTE_ALPHA)
write("gray_key", 0, 8, gray, extra=chunk(b"tRNS", struct.pack(">H", 90)))
write("rgb_key", 2, 8, rgb, extra=chunk(b"tRNS", struct.pack(">HHH", *rgb(2, 1))))
write("rgb_interlaced", 2, 8, rgb, ADAM7)
write("gray1_interlaced", 0, 1, gray, ADAM7)
write("side_over", 2, 8, rgb, size=(16385, 1), data=b"")
write("bomb", 2, 8, rgb, size=(16000, 16000), data=b"")
write("text", 2, 8, rgb, extra=chunk(b"tEXt", b"prompt\0a cat"))
