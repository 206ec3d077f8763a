-- Content-Length and Transfer-Encoding: where a body ends.
local EITHER = "ok or protocol"

local rows = {
  title = "Lengths",
  on = "h1",
  { "length-21-digits", "a length of 21 digits", "protocol or too_large or closed" },
  { "length-2to64", "2^64 and the right length", "protocol or too_large or closed" },
  { "length-2to63", "2^63", "protocol or too_large or closed" },
  { "length-exabyte", "10^18, and a short body", "protocol or too_large or closed" },
  { "length-leading-zeros", "30 zeros before it", EITHER },
  { "length-list-same", "twice the same in one header", EITHER },
  { "length-list-differ", "two lengths in one header", "protocol" },
  { "length-twice-same", "twice the same", EITHER },
  { "length-twice-differ", "two lengths that differ", "protocol" },
  { "length-short", "shorter than what comes, which looks like an answer", "ok" },
  { "length-and-chunked", "a length, then chunked", EITHER },
  { "chunked-and-length", "chunked, then a length", EITHER },
  { "transfer-unknown", "`Transfer-Encoding: rot13`", "protocol" },
  { "transfer-unknown-first", "`rot13, chunked`", "protocol" },
  { "transfer-not-last", "`chunked, rot13`", "protocol" },
  { "transfer-quoted", "`\"chunked\"`", "protocol" },
  { "transfer-twice", "`chunked, chunked`, chunked once", EITHER },
  { "transfer-http10", "chunked in HTTP/1.0", EITHER },
}

for _, value in ipairs({
  { "negative", "-1" }, { "words", "many" }, { "plus", "+3200" }, { "hex", "0xc80" },
  { "blank-between", "32 00" }, { "fraction", "3200.0" }, { "trailing", "3200x" },
  { "empty", "" }, { "comma-only", "," },
}) do
  rows[#rows + 1] = {
    "length-" .. value[1], ("`Content-Length: %s`"):format(value[2]), "protocol",
  }
end

return rows
