-- HTTP/2: frames, settings and windows that break the rules, and odd ones that do not.
local ANY = "protocol or closed"
-- A kept connection that libcurl gives up for its frames looks to us like a stream
-- that the server has refused, which may be sent again whatever it was.
local BROKEN = 2
local SILENCE = { timeout = { first_byte = 0.4, total = 1 } }

local rows = {
  title = "HTTP/2: frames and settings",
  on = "h2",
  { "bad-unknown-frame", "a frame of unknown type", "ok" },
  { "empty-answer", "headers that are the end", "ok", body = "" },
  { "empty-frames", "empty DATA frames", "ok" },
  { "padded", "padded DATA", "ok" },
  { "trailer", "trailers", "ok", check = function(response)
    return response.trailers["x-check"] ~= "right" and "the trailer is missing" or nil
  end },
  { "trailer-status", "trailers with a status", ANY },
  { "trailer-unended", "trailers that are not the end", ANY },
  { "interim-end", "103 with END_STREAM", ANY },
  { "preface-none", "PING before SETTINGS", ANY },
  { "preface-http1", "HTTP/1.1 where h2 was agreed", ANY },
  { "preface-junk", "zeros", ANY },
  { "preface-stall", "no SETTINGS, nothing", "timeout", options = SILENCE },
  { "preface-goaway", "SETTINGS and GOAWAY", ANY, seen = 6 },
  { "no-streams", "SETTINGS allow no stream", "ok or timeout", options = SILENCE },
  { "one-stream", "SETTINGS allow one stream", "ok" },
  { "window-none", "no window for a body", "ok", but = { { "upload", "timeout" } },
    options = SILENCE },
  { "window-tiny", "a window of one byte", "ok", up = 100 },
  { "table-none", "no table for headers", "ok" },
  { "settings-unknown", "30 unknown settings", "ok" },
  { "settings-unacknowledged", "ours are never acknowledged", "ok" },
}

for _, bad in ipairs({
  { "frame-size", "a frame of 20,000 bytes" }, { "data-on-0", "DATA on stream 0" },
  { "data-before-head", "DATA before HEADERS" }, { "data-on-idle", "DATA on an idle stream" },
  { "data-padding", "more padding than frame" },
  { "headers-on-idle", "HEADERS on a stream that we have not begun" },
  { "headers-on-even", "HEADERS on a stream of its own" },
  { "continuation-alone", "CONTINUATION alone" }, { "block-mixed", "PING within a header block" },
  { "settings-size", "SETTINGS of 5 bytes" }, { "settings-on-stream", "SETTINGS on a stream" },
  { "settings-window", "a window of 2^31" }, { "settings-frame", "frames of 0 bytes" },
  { "settings-push", "ENABLE_PUSH from a server" }, { "settings-ack-size", "an ACK with bytes" },
  { "ping-size", "PING of one byte" }, { "window-0", "WINDOW_UPDATE of 0" },
  { "window-overflow", "a window over 2^31" }, { "rst-on-0", "RST_STREAM on stream 0" },
  { "rst-on-idle", "RST_STREAM on an idle stream" }, { "rst-size", "RST_STREAM of one byte" },
  { "goaway-size", "GOAWAY of 4 bytes" }, { "hpack-index", "an index that the table has not" },
  { "hpack-cut", "a header block that is cut" }, { "hpack-huffman", "bad Huffman code" },
  { "hpack-table", "a table over the limit" }, { "bytes", "bytes that are no frames" },
  { "http1", "an answer of HTTP/1.1" },
}) do
  rows[#rows + 1] = { "bad-" .. bad[1], bad[2], ANY, seen = BROKEN }
end

return rows
