-- Connections that end, or fall silent, in the middle of an answer.
local SILENCE = { timeout = { first_byte = 0.3, idle = 0.3 } }

local rows = {
  title = "Connections that end",
  on = "h1",
  { "close-before", "closed without a byte of an answer", "closed", on = "both", again = true },
  { "reset-before", "reset without a byte of an answer", "closed", on = "both", again = true },
  { "stall-before", "no answer", "timeout", on = "both", options = SILENCE },
  { "close-in-version", "closed within `HTTP/1`", "closed or protocol", again = true },
  { "close-in-status", "closed within the status", "closed", again = true },
  { "close-after-status", "closed after the status line", "closed" },
  { "close-in-name", "closed within a header's name", "closed" },
  { "close-in-value", "closed within Content-Length", "closed" },
  { "close-after-line", "closed between two headers", "closed" },
  { "close-in-last-crlf", "closed within the line that ends the headers", "closed" },
  { "close-after-head", "closed before the body", "closed" },
  { "close-in-body", "closed within the body", "closed" },
  { "close-in-last-byte", "closed before the last byte", "closed" },
  { "close-in-size", "closed within the size of a chunk", "closed" },
  { "close-in-chunk", "closed within a chunk", "closed" },
  { "close-in-chunk-crlf", "closed within the CRLF of a chunk", "closed" },
  { "close-between-chunks", "closed between chunks", "closed" },
  { "close-in-last-chunk", "closed after `0`, before the last CRLF", "closed" },
  { "close-in-trailer", "closed within a trailer", "closed" },
  { "close-after-100", "100, then closed", "closed" },
  { "close-in-redirect", "a 302 that is cut behind its Location", "closed" },
  { "close-in-204", "a 204 that is cut behind a header", "closed" },
  { "close-ends-body", "no length: the end of the connection is that of the body", "ok" },
  { "close-ends-http10", "the same in HTTP/1.0", "ok" },
  { "reset-ends-body", "no length, and reset", "closed" },
  { "reset-after-answer", "a whole answer, then reset", "ok" },
}

for _, place in ipairs({
  { "in-status", "within the status" }, { "in-name", "within a header's name" },
  { "after-head", "before the body" }, { "in-body", "within the body" },
  { "in-chunk", "within a chunk" }, { "between-chunks", "between chunks" },
  { "in-trailer", "within a trailer" },
}) do
  rows[#rows + 1] = { "reset-" .. place[1], "reset " .. place[2], "closed",
    again = place[1] == "in-status" }
  rows[#rows + 1] = { "stall-" .. place[1], "silence " .. place[2], "timeout", options = SILENCE }
end

return rows
