-- TLS that is broken, at the handshake and later.
local CONNECT = { timeout = { connect = 0.4 } }
local SILENCE = { timeout = { idle = 0.4, total = 2 } }
local BROKEN = "closed or tls"

local rows = {
  title = "TLS",
  on = { "tls" },
  { "certificate-unknown", "a certificate of an unknown authority", "tls" },
  { "certificate-other-host", "a certificate of another host", "tls" },
  { "handshake-close", "closed after our hello", "tls" },
  { "handshake-reset", "reset after our hello", "tls" },
  { "handshake-stall", "silence after our hello", "timeout", options = CONNECT },
  { "handshake-plain-http", "an answer without TLS", "tls" },
  { "handshake-junk", "junk", "tls" },
  { "handshake-alert", "a fatal alert", "tls" },
  { "handshake-warning", "a warning, then silence", "timeout or tls", options = CONNECT },
  { "handshake-cut-record", "closed within a record", "tls" },
  { "handshake-huge-record", "a record of 64 KB", "tls" },
  { "handshake-wrong-message", "a message out of turn", "tls" },
  { "handshake-old-version", "SSL 2", "tls" },
  { "cut-after-head", "closed before the body, TLS not told", "closed" },
  { "cut-in-body", "closed within the body, TLS not told", "closed" },
  { "cut-between-chunks", "closed between chunks, TLS not told", "closed" },
  { "cut-ends-body", "a body that the connection ends, TLS not told", "closed" },
  { "cut-after-length", "closed after a whole body, TLS not told", "ok" },
  { "cut-after-chunks", "closed after the last chunk, TLS not told", "ok" },
  { "records-of-one-byte", "a record for each byte", "ok" },
  { "notify-then-more", "bytes behind close_notify", BROKEN },
  { "notify-half-closed", "close_notify behind the answer", "ok" },
}

for _, record in ipairs({
  { "alert", "a fatal alert within the body" }, { "junk", "junk within the body" },
  { "bad-mac", "a forged record within the body" }, { "huge", "a record that is too large" },
  { "cut", "closed within a record" },
}) do
  rows[#rows + 1] = {
    "record-" .. record[1], record[2], BROKEN, on = { "tls", "h2" }, options = SILENCE,
    but = { { "h2", "closed or tls or protocol" } }, cannot = "h2_end", cannot_on = "h2",
  }
end

return rows
