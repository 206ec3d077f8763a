"""Bodies in content codings, right and wrong. Brotli and zstd are written by hand,
in blocks that are not compressed: the server needs no library for them."""
import base64
import functools
import zlib

from hub import BODY

MIB = 1 << 20


def gzip(data, level=9):
    coder = zlib.compressobj(level, zlib.DEFLATED, 31)
    return coder.compress(data) + coder.flush()


def deflate(data, bits=15):
    """RFC 9110 means zlib's format (15); some send it raw (-15)."""
    coder = zlib.compressobj(9, zlib.DEFLATED, bits)
    return coder.compress(data) + coder.flush()


class Bits:
    """The least significant bit first."""

    def __init__(self):
        self.data, self.value, self.count = bytearray(), 0, 0

    def put(self, value, count):
        self.value |= value << self.count
        self.count += count
        while self.count >= 8:
            self.data.append(self.value & 255)
            self.value >>= 8
            self.count -= 8

    def align(self):
        if self.count:
            self.put(0, 8 - self.count)


def brotli(data):
    """RFC 7932: window of 16 bits, one stored block, an empty last one."""
    bits = Bits()
    bits.put(0, 1)                   # WBITS 16
    bits.put(0, 1)                   # not the last
    bits.put(0, 2)                   # four nibbles of length
    bits.put(len(data) - 1, 16)
    bits.put(1, 1)                   # stored
    bits.align()
    bits.data += data
    bits.put(3, 2)                   # the last, empty
    bits.align()
    return bytes(bits.data)


# 64 MiB of zeros, as the reference encoder makes it at its best.
BROTLI_BOMB = base64.b64decode(
    "z///f/gnAOKxQCD3/p/////wTwDEYQGA7v0/////4Z8AiMMiAN37//z//8c/ARCHBQC69/8=")

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def zstd_block(kind, size, data, last=False):
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + data


def zstd(data, window=0x50):
    """RFC 8878: a frame of stored blocks without a checksum. window: the
    descriptor, exponent in its upper five bits (0x50: 1 MiB)."""
    frame = ZSTD_MAGIC + bytes([0, window])
    return frame + zstd_block(0, len(data), data, True)


def zstd_zeros(size):
    """The same of blocks that say how often one byte is repeated."""
    most = 128 * 1024
    count = size // most
    return ZSTD_MAGIC + bytes([0, 0x50]) + b"".join(
        zstd_block(1, most, b"\0", i == count - 1) for i in range(count))


def zstd_skippable(data):
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


@functools.lru_cache(maxsize=None)
def gzip_zeros(size):
    """Quickly: a MiB of them, flushed so that it can be said again and again."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = coder.compress(bytes(MIB)) + coder.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(size // MIB):
        checksum = zlib.crc32(bytes(MIB), checksum)
    tail = checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return gzip(b"")[:10] + block * (size // MIB) + coder.flush() + tail


@functools.lru_cache(maxsize=None)
def bomb(layers):
    """64 MiB of zeros in so many layers of gzip."""
    data = gzip_zeros(64 * MIB)
    for _ in range(layers - 1):
        data = gzip(data)
    return data


G = gzip(BODY)
D = deflate(BODY)
B = brotli(BODY)
Z = zstd(BODY)
HALF = len(BODY) // 2


def flipped(data, at):
    data = bytearray(data)
    data[at] ^= 0xff
    return bytes(data)


def nested(count):
    data = BODY
    for _ in range(count):
        data = gzip(data)
    return data


# name -> (value of Content-Encoding, body), or a function that gives that: what
# is large is made when it is asked for.
CODINGS = {
    "gzip": (b"gzip", G),
    "gzip-x": (b"x-gzip", G),
    "gzip-upper-case": (b"GZIP", G),
    "gzip-stored": (b"gzip", gzip(BODY, 0)),
    "gzip-name": (b"gzip", G[:3] + b"\x08" + G[4:10] + b"file.txt\0" + G[10:]),
    "gzip-members": (b"gzip", gzip(BODY[:HALF]) + gzip(BODY[HALF:])),
    "gzip-many-members": (b"gzip", b"".join(
        gzip(BODY[i:i + 1]) for i in range(len(BODY)))),
    "gzip-empty-members": (b"gzip", G + gzip(b"") * 20000),
    "gzip-cut-magic": (b"gzip", G[:1]),
    "gzip-cut-header": (b"gzip", G[:6]),
    "gzip-cut-start": (b"gzip", G[:10]),
    "gzip-cut-middle": (b"gzip", G[:len(G) // 2]),
    "gzip-cut-trailer": (b"gzip", G[:-8]),
    "gzip-cut-length": (b"gzip", G[:-4]),
    "gzip-cut-last-byte": (b"gzip", G[:-1]),
    "gzip-cut-member": (b"gzip", gzip(BODY[:HALF]) + gzip(BODY[HALF:])[:-12]),
    "gzip-bad-magic": (b"gzip", flipped(G, 0)),
    "gzip-bad-block": (b"gzip", G[:10] + b"\xff" * 100),
    "gzip-bad-checksum": (b"gzip", flipped(G, -8)),
    "gzip-bad-length": (b"gzip", flipped(G, -4)),
    "gzip-trailing": (b"gzip", G + b"junk behind it"),
    "gzip-not": (b"gzip", BODY),
    "gzip-empty": (b"gzip", b""),
    "gzip-twice": (b"gzip, gzip", nested(2)),
    "gzip-lists": (b"gzip,, ,gzip", nested(2)),
    "gzip-twice-cut": (b"gzip, gzip", gzip(G[:-8])),
    "gzip-100-times": (b", ".join([b"gzip"] * 100), nested(3)),
    "deflate": (b"deflate", D),
    "deflate-raw": (b"deflate", deflate(BODY, -15)),
    "deflate-cut": (b"deflate", D[:len(D) // 2]),
    "deflate-raw-cut": (b"deflate", deflate(BODY, -15)[:-2]),
    "deflate-cut-checksum": (b"deflate", D[:-4]),
    "deflate-bad": (b"deflate", flipped(D, len(D) // 2)),
    "deflate-trailing": (b"deflate", D + b"junk behind it"),
    "br": (b"br", B),
    "br-cut": (b"br", B[:len(B) // 2]),
    "br-cut-last-byte": (b"br", B[:-1]),
    "br-bad": (b"br", b"\xff" * 100),
    "br-trailing": (b"br", B + b"junk behind it"),
    "zstd": (b"zstd", Z),
    "zstd-frames": (b"zstd", zstd(BODY[:HALF]) + zstd_skippable(b"skip")
                    + zstd(BODY[HALF:])),
    "zstd-cut": (b"zstd", Z[:len(Z) // 2]),
    "zstd-cut-last-byte": (b"zstd", Z[:-1]),
    "zstd-bad": (b"zstd", Z[:4] + b"\xff" * 100),
    "zstd-trailing": (b"zstd", Z + b"junk behind it"),
    # A window of 1 TiB: RFC 8878 and 9659 let a client refuse more than 8 MiB.
    "zstd-window": (b"zstd", zstd(BODY, 30 << 3)),
    "gzip-then-br": (b"gzip, br", brotli(G)),
    "coding-unknown": (b"rot13", BODY),
    "coding-unknown-inside": (b"rot13, gzip", G),
    "coding-identity": (b"identity", BODY),
    "coding-none": (b"", BODY),
    "coding-chunked": (b"chunked", BODY),
    "bomb-gzip": lambda: (b"gzip", bomb(1)),
    "bomb-nested": lambda: (b"gzip, gzip", bomb(2)),
    "bomb-members": lambda: (b"gzip", gzip_zeros(MIB) * 64),
    "bomb-br": (b"br", BROTLI_BOMB),
    "bomb-zstd": lambda: (b"zstd", zstd_zeros(64 * MIB)),
}
