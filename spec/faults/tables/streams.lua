-- HTTP/2: streams and connections that end.
local ANY = "closed or protocol"
local SILENCE = { timeout = { first_byte = 0.3, idle = 0.3 } }

local rows = {
  title = "HTTP/2: streams and connections that end",
  on = "h2",
  { "rst-after-answer", "RST_STREAM(NO_ERROR) behind a whole answer", "ok" },
  { "rst-after-answer-cancel", "RST_STREAM(CANCEL) behind it", "ok" },
  { "rst-twice", "RST_STREAM twice", "closed", again = true },
  { "rst-in-length-no-error", "RST_STREAM(NO_ERROR) within a body of known length", "closed" },
  { "refused-once", "REFUSED_STREAM, answered at the second try", "ok", seen = 2,
    but = { { "generator", "ok or closed" } } },
  { "goaway-unprocessed", "GOAWAY: not processed; each time", ANY, seen = 6 },
  { "goaway-unprocessed-once", "the same, answered at the second try", "ok", seen = 2,
    but = { { "upload", "ok or closed" } } },
  { "goaway-then-answer", "GOAWAY, then the answer", "ok" },
  { "goaway-after-answer", "GOAWAY and a close behind the answer", "ok" },
  { "goaway-then-close", "GOAWAY and a close: perhaps processed", ANY, again = true },
  { "goaway-debug", "GOAWAY with 16 KB for the log", ANY, again = true },
  { "goaway-many", "2,000 GOAWAY, then the answer", "ok" },
  { "data-after-end", "DATA behind the end", "ok" },
  { "headers-after-end", "HEADERS behind the end", "ok" },
}

local CODES = {
  "no-error", "protocol-error", "internal-error", "flow-control-error", "settings-timeout",
  "stream-closed", "frame-size-error", "refused-stream", "cancel", "compression-error",
  "connect-error", "enhance-your-calm", "inadequate-security", "http-1-1-required", "unknown",
}
for _, code in ipairs(CODES) do
  local name = code:upper():gsub("-", "_")
  rows[#rows + 1] = {
    "rst-before-" .. code, ("RST_STREAM(%s) before an answer"):format(name), "closed",
    again = true,
    seen = code == "refused-stream" and 6 or code == "http-1-1-required" and 2 or nil,
    but = code == "http-1-1-required" and { { "generator", "ok or closed" }, { "h2", "ok" } }
      or nil,
  }
  rows[#rows + 1] = {
    "rst-in-body-" .. code, ("RST_STREAM(%s) within the body"):format(name), ANY,
    cannot = code == "no-error" and "h2_no_error" or nil,
  }
  rows[#rows + 1] = {
    "goaway-in-body-" .. code, ("GOAWAY(%s) and a close within the body"):format(name), ANY,
    cannot = "h2_end",
  }
end

local PLACES = {
  { "before", "before an answer" }, { "in-block", "within the header block" },
  { "after-head", "before the body", "h2_end" }, { "in-body", "within the body", "h2_end" },
  { "in-length", "within a body of known length" }, { "in-frame", "within a frame", "h2_end" },
  { "unended", "after all of the body, before END_STREAM", "h2_end" },
}
for _, place in ipairs(PLACES) do
  for _, how in ipairs({ { "close", "closed" }, { "cut", "closed, TLS not told" },
    { "reset", "reset" } }) do
    if place[1] ~= "before" or how[1] == "cut" then
      rows[#rows + 1] = {
        how[1] .. "-" .. place[1], how[2] .. " " .. place[2], ANY, cannot = place[3],
        again = place[1] == "before" or place[1] == "in-block",
      }
    end
  end
  if place[1] ~= "before" then
    -- The connection is as stuck as the stream, and nothing tells: who comes next
    -- on it may have to wait for a limit of its own.
    rows[#rows + 1] = {
      "stall-" .. place[1], "silence " .. place[2], "timeout", options = SILENCE,
      stuck = place[1] == "in-frame" or place[1] == "in-block",
    }
  end
end

return rows
