"""Faults that are whole answers, the same in HTTP/1.1 and HTTP/2: codings,
redirects, cookies, early hints of nothing."""
from codings import CODINGS
from hub import ANSWERS, BODY, answers, http1
from said import OK, chunk

FOUND = b"302 Found"


def coded(name):
    def answer(_):
        value = CODINGS[name]
        coding, body = value() if callable(value) else value
        return b"200 OK", [(b"Content-Encoding", coding)], body
    return answer


for each in CODINGS:
    ANSWERS[each] = coded(each)


# The same, where the end of the body is the end of the connection: a coding is
# then all that could tell that it was cut.

def coded_until_close(name):
    def act(x):
        coding, body = CODINGS[name]
        x.send(OK + b"Content-Encoding: " + coding + b"\r\n\r\n", body)
        x.wire.close()
    act.__name__ = name + "_until_close"
    return act


def coded_chunks(name):
    def act(x):
        coding, body = CODINGS[name]
        x.send(OK + b"Content-Encoding: " + coding
               + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 7):
            x.send(chunk(body[start:start + 7]))
        x.send(b"0\r\n\r\n")
    act.__name__ = name + "_chunked"
    return act


for each in "gzip", "gzip-cut-middle", "deflate-cut", "br-cut", "zstd-cut":
    http1()(coded_until_close(each))
    http1()(coded_chunks(each))


@answers()
def plain(_):
    """As it should be."""
    return b"200 OK", [], BODY


# Redirects.

def redirect(name, *locations, status=FOUND, body=b"moved\n", headers=()):
    def answer(_):
        return (status, [(b"Location", to) for to in locations]
                + list(headers), body)
    ANSWERS["redirect-" + name] = answer


GOOD = b"/good?id=moved"
redirect("good", GOOD)
redirect("self", b"")
redirect("fragment", b"#part")
redirect("missing")
redirect("twice-same", GOOD, GOOD)
redirect("twice-differ", GOOD, b"/good?id=stray")
redirect("list", GOOD + b", /good?id=stray")
redirect("query", b"?id=stray")
redirect("relative", b"../../../.././good?id=moved")
redirect("blanks-around", b" \t" + GOOD + b" \t")
redirect("blank-inside", b"/good?id=moved&x=a b")
redirect("quotes", b'/good?id=moved&x="<>`{}|\\^')
redirect("eight-bit", b"/good?id=moved&x=\xc3\xa9\xff")
redirect("percent", b"/good?id=moved&x=%zz%")
redirect("controls", b"/good?id=moved&x=\x01\x7f")
redirect("giant", GOOD + b"&x=" + b"y" * 60000)
redirect("giant-blanks", GOOD + b" " * 60000)
redirect("giant-dots", b"/../" * 15000 + b"good?id=moved")
redirect("file", b"file:///etc/passwd")
redirect("ftp", b"ftp://127.0.0.1:1/x")
redirect("gopher", b"gopher://127.0.0.1:1/x")
redirect("javascript", b"javascript:alert(1)")
redirect("data", b"data:text/plain,evil")
redirect("unknown", b"odd-scheme://host/")
redirect("open-bracket", b"http://[::1/")
redirect("bad-port", b"http://127.0.0.1:99999/")
redirect("no-host", b"http://?id=stray")
redirect("bad-host", b"http://a b/good?id=stray")
redirect("nothing-there", b"http://127.0.0.1:1/")
redirect("300", GOOD, status=b"300 Multiple Choices")
redirect("304", GOOD, status=b"304 Not Modified", body=b"")
redirect("305", GOOD, status=b"305 Use Proxy")
redirect("399", GOOD, status=b"399 Odd")
redirect("201", GOOD, status=b"201 Created")
redirect("303", GOOD, status=b"303 See Other")
redirect("307", GOOD, status=b"307 Temporary Redirect")
redirect("308", GOOD, status=b"308 Permanent Redirect")
redirect("refresh", headers=[(b"Refresh", b"0; url=/good?id=stray")],
         status=b"200 OK", body=BODY)
redirect("large-body", GOOD, body=b"x" * 3000000)
redirect("coded-body", GOOD, body=b"no gzip", headers=[(b"Content-Encoding", b"gzip")])


@answers()
def redirect_circle(query):
    """To the other one, and back."""
    other = b"1" if query.get("hop") == "2" else b"2"
    return FOUND, [(b"Location", b"/redirect-circle?hop=%s&id=%s" % (
        other, query["id"].encode()))], b""


@answers()
def redirect_circle_307(query):
    return b"307 Temporary Redirect", [
        (b"Location", b"/redirect-circle-307?id=%s&up=%s" % (
            query["id"].encode(), query.get("up", "0").encode()))], b""


@answers()
def redirect_endless(query):
    """Never the same place twice."""
    return FOUND, [(b"Location", b"/redirect-endless?hop=%d&id=%s" % (
        int(query.get("hop", "0")) + 1, query["id"].encode()))], b""


# Cookies: nobody has asked for a jar, so nothing is to come of them.

def cookies(name, *values):
    ANSWERS["cookie-" + name] = lambda _: (
        b"200 OK", [(b"Set-Cookie", value) for value in values], BODY)


cookies("plain", b"a=1; Path=/")
cookies("empty", b"")
cookies("no-name", b"=1", b"novalue", b";;;", b"=")
cookies("other-domain", b"a=1; Domain=example.com", b"b=2; Domain=com", b"c=3; Domain=.")
cookies("prefixes", b"__Host-a=1; Domain=localhost", b"__Secure-b=2")
cookies("dates", b"a=1; Expires=Thu, 99 Foo 99999 99:99:99", b"b=1; Max-Age=-99999999999999999999")
cookies("controls", b"a=\x01\x7f\x1b[0m", b"b=\t1")
cookies("giant", b"a=" + b"x" * 60000)
cookies("attributes", b"a=1" + b"; Path=/x" * 6000)
cookies("many", *[b"c%d=%d; Path=/" % (i, i) for i in range(1500)])


# Statuses that are rare.

def status(number, body=BODY, headers=()):
    ANSWERS["answer-%s" % number.split()[0].decode()] = lambda _: (
        number, list(headers), body)


status(b"205 Reset Content", b"")
status(b"206 Partial Content", headers=[(b"Content-Range", b"bytes 5-9/20")])
status(b"401 Unauthorized", headers=[(b"WWW-Authenticate", b'Basic realm="x", Odd, ,')])
status(b"407 Proxy Authentication Required", headers=[(b"Proxy-Authenticate", b"Basic")])
status(b"416 Range Not Satisfiable")
status(b"417 Expectation Failed")
status(b"421 Misdirected Request")
status(b"425 Too Early")
status(b"431 Request Header Fields Too Large")
status(b"503 Service Unavailable", headers=[(b"Retry-After", b"-99999999999999999999")])
