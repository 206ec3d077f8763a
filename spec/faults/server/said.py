"""Faults of HTTP/1.1 that are some bytes: status lines, header blocks, lengths,
chunks. The tables say what each is and what is right."""
from hub import BODY, CLOSE, CUT, RESET, STALL, said

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
REST = LENGTH + b"\r\n" + BODY
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HALF = BODY[:len(BODY) // 2]


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


LAST = b"0\r\n\r\n"

# Where a connection ends, or falls silent.
said("close-before", b"", CLOSE)
said("reset-before", b"", RESET)
said("stall-before", b"", STALL)
PLACES = {
    "in-version": b"HTTP/1",
    "in-status": b"HTTP/1.1 20",
    "after-status": OK,
    "in-name": OK + b"Content-Le",
    "in-value": OK + LENGTH[:-4],
    "after-line": OK + b"X-One: 1\r\n",
    "in-last-crlf": OK + b"X-One: 1\r\n\r",
    "after-head": OK + LENGTH + b"\r\n",
    "in-body": OK + LENGTH + b"\r\n" + HALF,
    "in-last-byte": OK + LENGTH + b"\r\n" + BODY[:-1],
    "in-size": CHUNKED + chunk(HALF) + b"64",
    "in-chunk": CHUNKED + chunk(HALF) + b"640\r\n" + BODY[len(HALF):len(HALF) + 4],
    "in-chunk-crlf": CHUNKED + chunk(BODY)[:-1],
    "between-chunks": CHUNKED + chunk(HALF),
    "in-last-chunk": CHUNKED + chunk(BODY) + b"0\r\n",
    "in-trailer": CHUNKED + chunk(BODY) + b"0\r\nX-Check: 1",
    "after-100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in-redirect": b"HTTP/1.1 302 Found\r\nLocation: /good?id=stray\r\n",
    "in-204": b"HTTP/1.1 204 No Content\r\nX-One: 1\r\n",
}
for place, data in PLACES.items():
    said("close-" + place, data, CLOSE)
for place in ("in-status", "in-name", "after-head", "in-body", "in-chunk",
              "between-chunks", "in-trailer"):
    said("reset-" + place, PLACES[place], RESET)
    said("stall-" + place, PLACES[place], STALL)
for place in "after-head", "in-body", "between-chunks":
    said("cut-" + place, PLACES[place], CUT)
said("close-ends-body", OK + b"\r\n" + BODY, CLOSE)
said("close-ends-http10", b"HTTP/1.0 200 OK\r\n\r\n" + BODY, CLOSE)
said("reset-ends-body", OK + b"\r\n" + BODY, RESET)
said("cut-ends-body", OK + b"\r\n" + BODY, CUT)
said("cut-after-length", OK + REST, CUT)
said("cut-after-chunks", CHUNKED + chunk(BODY) + LAST, CUT)
said("reset-after-answer", OK + b"Connection: close\r\n" + REST, RESET)

# Status lines.
LINES = {
    "two-spaces": b"HTTP/1.1  200 OK",
    "lower-case": b"http/1.1 200 OK",
    "no-reason": b"HTTP/1.1 200",
    "empty-reason": b"HTTP/1.1 200 ",
    "099": b"HTTP/1.1 099 Low",
    "999": b"HTTP/1.1 999 High",
    "1000": b"HTTP/1.1 1000 Long",
    "two-digits": b"HTTP/1.1 20 OK",
    "no-digits": b"HTTP/1.1 abc OK",
    "negative": b"HTTP/1.1 -200 OK",
    "no-status": b"HTTP/1.1",
    "tab": b"HTTP/1.1\t200 OK",
    "version-2": b"HTTP/2 200 OK",
    "version-2.0": b"HTTP/2.0 200 OK",
    "version-3": b"HTTP/3 200 OK",
    "version-1.2": b"HTTP/1.2 200 OK",
    "version-9.9": b"HTTP/9.9 200 OK",
    "version-none": b"HTTP 200 OK",
    "icy": b"ICY 200 OK",
    "leading-blank": b" HTTP/1.1 200 OK",
    "nul": b"HTTP/1.1 200 O\0K",
    "giant": b"HTTP/1.1 200 " + b"x" * 90000,
    "giant-blanks": b"HTTP/1.1 200 " + b" " * 90000 + b"x",
}
for name, line in LINES.items():
    said("status-" + name, line + b"\r\n" + REST)
said("status-after-blank-lines", b"\r\n\r\n" + OK + REST)
said("http09", BODY, CLOSE)
said("other-greeting", b"SSH-2.0-OpenSSH_9.2p1\r\n", CLOSE)
said("binary", bytes(range(128, 256)) * 40, CLOSE)
said("tls-record", b"\x15\x03\x01\x00\x02\x02\x16", CLOSE)
said("request-back", b"GET / HTTP/1.1\r\nHost: you\r\n\r\n", CLOSE)

# Header blocks.
HEADS = {
    "folded-first": b" folded: 1\r\n",
    "folded-first-tab": b"\tfolded: 1\r\n",
    "folded": b"X-Folded: one\r\n  two\r\n\tthree\r\n",
    "folded-blank": b"X-Folded: one\r\n \r\n",
    "blank-before-colon": b"X-Blank : 1\r\n",
    "no-colon": b"X-No-Colon\r\n",
    "no-name": b": value\r\n",
    "no-value": b"X-Empty:\r\n",
    "nul": b"X-Nul: a\0b\r\n",
    "nul-in-name": b"X-\0Nul: a\r\n",
    "bare-cr": b"X-Cr: a\rX-Smuggled: b\r\n",
    "bare-lf": b"X-Lf: a\nX-After: b\n",
    "controls": b"X-Controls: a\x01\x1b[31mb\x7f\r\n",
    "eight-bit": b"X-Eight: \xe9\xff\xc3\xa9\r\n",
    "line-blanks": b"X-Blanks: a" + b" " * 90000 + b"b\r\n",
    "line-tabs": b"X-Tabs: " + b"\t" * 90000 + b"\r\n",
    "line-cr": b"X-Cr: a" + b"\r" * 90000 + b"b\r\n",
    "line-colons": b"X-Colons" + b":" * 90000 + b"\r\n",
    "line-90k": b"X-Long: " + b"x" * 90000 + b"\r\n",
    "name-90k": b"X" * 90000 + b": 1\r\n",
    "line-400k": b"X-Long: " + b"x" * 400000 + b"\r\n",
    "400-fields": b"".join(
        b"X-Fill-%d: %s\r\n" % (i, b"x" * 990) for i in range(400)),
    "4000-fields": b"".join(b"X-%d: 1\r\n" % i for i in range(4000)),
    "40000-fields": b"a:b\r\n" * 40000,
    "million-lines": b"a:\r\n" * 1000000,
    "same-name": b"X-Same: 1\r\n" * 4000,
}
for name, lines in HEADS.items():
    said("head-" + name, OK + lines + REST)

# Content-Length and Transfer-Encoding.
LENGTHS = {
    "negative": b"-1", "words": b"many", "plus": b"+%d" % len(BODY),
    "hex": b"0xc80", "blank-between": b"32 00", "fraction": b"3200.0",
    "trailing": b"3200x", "empty": b"", "comma-only": b",",
    "21-digits": b"3" + b"0" * 20, "2to64": b"18446744073709554816",
    "2to63": b"9223372036854775808", "exabyte": b"1000000000000000000",
    "leading-zeros": b"0" * 30 + b"%d" % len(BODY),
    "list-same": b"%d, %d" % (len(BODY), len(BODY)),
    "list-differ": b"%d, 5" % len(BODY),
}
for name, value in LENGTHS.items():
    said("length-" + name,
         OK + b"Content-Length: " + value + b"\r\n\r\n" + BODY, CLOSE)
said("length-twice-same", OK + LENGTH + REST)
said("length-twice-differ", OK + b"Content-Length: 5\r\n" + REST, CLOSE)
said("length-short", OK + REST + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
said("length-and-chunked", OK + b"Content-Length: 5\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + LAST)
said("chunked-and-length", OK + b"Transfer-Encoding: chunked\r\n"
     b"Content-Length: 5\r\n\r\n" + chunk(BODY) + LAST)
for name, value in {
        "unknown": b"rot13", "unknown-first": b"rot13, chunked",
        "twice": b"chunked, chunked",
        "not-last": b"chunked, rot13", "quoted": b'"chunked"'}.items():
    said("transfer-" + name, OK + b"Transfer-Encoding: " + value
         + b"\r\n\r\n" + chunk(BODY) + LAST, CLOSE)
said("transfer-http10", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     + chunk(BODY) + LAST, CLOSE)

# Chunks.
FIRST, NEXT = CHUNKED + chunk(HALF), BODY[len(HALF):]
for name, size in {
        "words": b"xyz", "negative": b"-5", "empty": b"", "hex-prefix": b"0x5",
        "17-digits": b"fffffffffffffffff", "2to63": b"8000000000000000",
        "blank-first": b" 5", "nul": b"5\0"}.items():
    said("chunk-size-" + name, FIRST + size + b"\r\n" + NEXT[:5] + b"\r\n" + LAST, CLOSE)
said("chunk-longer", FIRST + b"5\r\n" + NEXT[:6] + b"\r\n" + LAST, CLOSE)
said("chunk-no-crlf", FIRST + b"5\r\n" + NEXT[:5] + b"5\r\n" + NEXT[5:10] + b"\r\n" + LAST, CLOSE)
said("chunk-bare-lf", CHUNKED + b"%x\n%s\n0\n\n" % (len(BODY), BODY))
said("chunk-zeros", CHUNKED + b"0" * 10 + chunk(BODY) + LAST)
said("chunk-extension", CHUNKED + chunk(BODY, b';a="b;\\"c";d') + LAST)
said("chunk-extension-giant",
     CHUNKED + chunk(BODY, b";a=" + b"x" * 1000000) + LAST)
said("chunk-bytes", CHUNKED + b"".join(
    chunk(BODY[i:i + 1]) for i in range(len(BODY))) + LAST)
END = CHUNKED + chunk(BODY) + b"0\r\n"
said("trailer", END + b"X-Check: right\r\n\r\n")
said("trailer-length", END + b"Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\n")
said("trailer-no-colon", END + b"X-Check\r\n\r\n")
said("trailer-folded", END + b" folded: 1\r\n\r\n")
said("trailer-nul", END + b"X-Nul: a\0b\r\n\r\n")
said("trailer-giant", END + b"X-Long: " + b"x" * 400000 + b"\r\n\r\n")
said("trailer-400-fields", END + b"".join(
    b"X-Fill-%d: %s\r\n" % (i, b"x" * 990) for i in range(400)) + b"\r\n")

# What comes before, and instead of, the answer.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
said("interim-100", CONTINUE + OK + REST)
said("interim-103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + REST)
said("interim-199", b"HTTP/1.1 199 Odd\r\n\r\n" + OK + REST)
said("interim-length", b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + OK + REST)
said("interim-20", CONTINUE * 20 + OK + REST)
said("switch-unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\n"
     b"Connection: Upgrade\r\n\r\n" + b"odd bytes", CLOSE)
said("switch-open", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\n"
     b"Connection: Upgrade\r\n\r\n" + b"odd bytes", STALL)
said("switch-h2c", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
     b"Connection: Upgrade\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", STALL)
said("204-with-length", b"HTTP/1.1 204 No Content\r\n" + REST)
said("204-chunked", b"HTTP/1.1 204 No Content\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + LAST)
said("304-with-body", b"HTTP/1.1 304 Not Modified\r\n" + REST)
said("head-with-body", OK + REST)
said("two-answers", OK + REST + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
