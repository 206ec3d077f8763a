-- What happens to a connection that nobody uses: the request after it must not be
-- hurt. `settle`: that one waits until the server has done what it does.
local BEFORE = "ok or before or protocol or closed"
local VALUES = { before = { 200, "before\n" } }

return {
  title = "Idle connections",
  on = "h1",
  { "idle-answer", "another answer, while nobody asks", "ok", settle = true },
  { "idle-408", "408 and a close, while nobody asks", "ok", settle = true },
  { "idle-junk", "a byte, while nobody asks", "ok", settle = true },
  { "idle-crlf", "an empty line, while nobody asks", "ok", settle = true },
  { "idle-close", "closes while nobody asks", "ok", settle = true, on = "both" },
  { "idle-cut", "closes without telling TLS", "ok", settle = true },
  { "idle-reset", "resets while nobody asks", "ok", settle = true, on = "both" },
  { "idle-after-204", "another answer, after a 204", "204", body = "", settle = true },
  { "idle-frames", "PING and SETTINGS while nobody asks", "ok", settle = true, on = "h2" },
  { "idle-goaway", "GOAWAY and a close while nobody asks", "ok", settle = true, on = "h2" },
  { "idle-bytes", "bytes that are no frames, while nobody asks", "ok", settle = true, on = "h2" },
  { "half-closed", "half-closes after its answer", "ok" },
  { "dies-at-reuse", "takes the next request and resets", "ok" },
  { "answer-before-request", "an answer before the request, and one to it", BEFORE,
    values = VALUES },
  { "greeting-before-request", "another protocol's greeting before the request",
    "protocol or closed" },
  { "closed-at-connect", "closes each connection", "closed", on = "both", again = true },
  { "reset-at-connect", "resets each connection", "closed or tls or connect",
    on = "both", again = true, but = { { "proxy", "closed or connect or proxy" } } },
  { "restart", "resets all connections, refuses new ones for 0.1 s", "closed or connect",
    on = "both", again = true, load = 8, settle = true,
    but = { { "proxy", "closed or connect or proxy" } } },
}
