-- What never ends, at 25 MB a second.
local MIB = 1024 * 1024
local BOUND = { max_body = 4 * MIB, timeout = { total = 1 } }
local ENOUGH = 2 * MIB
local ANY = "too_large or protocol or closed or timeout"
-- Who reads piece by piece stops after ENOUGH bytes.
local BODY = {
  -- libcurl before 8.4 cannot pause HTTP/2: a body must not come faster than it is read.
  { "h2 stream", "stopped or timeout or too_large" },
  { "chunks", "stopped" }, { "lines", "stopped or timeout" }, { "save", "timeout" },
}

return {
  title = "What never ends",
  on = "h1",
  { "endless-head", "headers", "too_large", options = BOUND },
  { "endless-line", "one header", "too_large", options = BOUND },
  { "endless-status", "the status line", "too_large or protocol", options = BOUND },
  { "endless-interim", "100", ANY, options = BOUND },
  { "endless-hints", "103 with headers", ANY, options = BOUND },
  { "endless-blank-lines", "empty lines", ANY, options = BOUND },
  { "endless-junk", "binary bytes", "protocol", options = BOUND },
  -- What cannot be paused comes to the reader of lines in one piece of up to 4 MiB.
  { "endless-body", "a body", "too_large", on = "both", but = BODY, options = BOUND,
    enough = ENOUGH, gap = 0.2 },
  { "endless-chunks", "chunks", "too_large", but = BODY, options = BOUND,
    enough = ENOUGH },
  { "endless-tiny-chunks", "chunks of one byte", "timeout or too_large or stopped", options = BOUND,
    enough = ENOUGH },
  { "endless-extension", "an extension of a chunk", ANY, options = BOUND },
  { "endless-size", "zeros of a chunk's size", "protocol", options = BOUND },
  { "endless-trailers", "trailers", "too_large", options = BOUND },
  { "endless-trailer", "one trailer", "too_large or protocol", options = BOUND },
}
