-- Those who take their time.
local HEAD = { timeout = { first_byte = 0.4 } }
local TOTAL = { timeout = { idle = 0.3, total = 0.6 } }

return {
  title = "Slowness",
  on = "h1",
  { "trickle", "a few bytes at a time", "ok", on = "both" },
  { "trickle-chunks", "chunks, a few bytes at a time", "ok" },
  { "trickle-head", "headers, a byte at a time", "ok" },
  { "late-answer", "an answer after 0.2 s", "ok", on = "both" },
  { "late-body", "a body in two parts, 0.1 s apart", "ok", on = "both" },
  { "slow-head", "a header that grows a byte at a time, for ever", "timeout", options = HEAD },
  { "slow-lines", "a header each 50 ms, for ever", "timeout", options = HEAD },
  { "slow-interim", "102 each 50 ms, for ever", "timeout", options = HEAD },
  { "slow-body", "a byte of the body each 50 ms, for ever", "timeout", options = TOTAL,
    on = "both" },
}
