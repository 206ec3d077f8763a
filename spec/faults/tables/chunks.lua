-- Chunks and trailers.
local EITHER = "ok or protocol"

local function trailer(response)
  if response.trailers["x-check"] ~= "right" then
    return "the trailer is missing"
  end
end

local rows = {
  title = "Chunks and trailers",
  on = "h1",
  { "chunk-longer", "more bytes than its size", "protocol" },
  { "chunk-no-crlf", "no CRLF behind a chunk", "protocol" },
  { "chunk-bare-lf", "LF in place of CRLF", EITHER },
  { "chunk-zeros", "zeros before a size", "ok" },
  { "chunk-extension", "extensions", "ok" },
  { "chunk-extension-giant", "an extension of 1 MB", "ok or protocol or too_large" },
  { "chunk-bytes", "3,200 chunks of one byte", "ok" },
  { "trailer", "a trailer", "ok", check = trailer },
  { "trailer-length", "lengths as trailers", "ok" },
  { "trailer-no-colon", "a trailer without a colon", EITHER },
  { "trailer-folded", "trailers that begin with a blank", EITHER },
  { "trailer-nul", "NUL in a trailer", EITHER },
  { "trailer-giant", "a trailer of 400 KB", "too_large" },
  { "trailer-400-fields", "400 trailers of 1 KB", "too_large" },
}

for _, size in ipairs({
  { "words", "xyz" }, { "negative", "-5" }, { "empty", "" }, { "hex-prefix", "0x5" },
  { "17-digits", "fffffffffffffffff" }, { "2to63", "8000000000000000" },
  { "blank-first", " 5" }, { "nul", "5\\0" },
}) do
  rows[#rows + 1] = {
    "chunk-size-" .. size[1], ("the size is `%s`"):format(size[2]), "protocol",
    cannot = size[1] == "nul" and "chunk_size" or nil,
  }
end

return rows
