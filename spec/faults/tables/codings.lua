-- Content codings: HTTP/1.1 and HTTP/2 alike.
local MIB = 1024 * 1024
local BOMB = { max_body = 8 * MIB, timeout = { total = 8 } }

local rows = {
  title = "Content codings",
  on = "both",
  { "gzip", "gzip", "ok" },
  { "gzip-members", "two members of gzip", "ok" },
  { "gzip-many-members", "a member for each byte", "ok" },
  { "gzip-empty-members", "20,000 empty members behind it", "ok or protocol" },
  { "gzip-trailing", "bytes behind the end of gzip", "protocol" },
  { "gzip-not", "the body is not gzip", "protocol" },
  { "gzip-empty", "an empty body", "ok", body = "" },
  { "gzip-twice", "`gzip, gzip`", "ok" },
  { "gzip-lists", "`gzip,, ,gzip`", "ok" },
  { "gzip-twice-cut", "`gzip, gzip`, the inner one cut", "protocol" },
  { "gzip-100-times", "gzip 100 times", "protocol or too_large" },
  { "gzip-x", "`x-gzip`", "ok" },
  { "gzip-upper-case", "`GZIP`", "ok" },
  { "gzip-stored", "gzip that does not compress", "ok" },
  { "gzip-name", "gzip with the name of a file", "ok" },
  { "deflate", "deflate in zlib's format", "ok" },
  { "deflate-raw", "deflate without it", "ok" },
  { "deflate-trailing", "bytes behind the end of deflate", "protocol" },
  { "coding-identity", "`identity`", "ok" },
  { "coding-none", "an empty Content-Encoding", "ok" },
  { "coding-unknown", "a coding that nobody has asked for", "ok or protocol" },
  { "coding-unknown-inside", "gzip around such a one", "raw or protocol", raw = true },
  { "coding-chunked", "`Content-Encoding: chunked`", "ok or protocol" },
  { "gzip-until-close", "gzip, ended by the connection", "ok", on = "h1" },
  { "gzip-chunked", "gzip in chunks of 7 bytes", "ok", on = "h1" },
}

for _, cut in ipairs({
  "gzip-cut-magic", "gzip-cut-header", "gzip-cut-start", "gzip-cut-middle", "gzip-cut-trailer",
  "gzip-cut-length", "gzip-cut-last-byte", "gzip-cut-member", "deflate-cut", "deflate-raw-cut",
  "deflate-cut-checksum",
}) do
  local coding, place = cut:match("^(%a+)%-(.*)$")
  rows[#rows + 1] = { cut, ("%s is cut: %s"):format(coding, place:gsub("cut%-", "")), "protocol" }
end

for _, bad in ipairs({
  "gzip-bad-magic", "gzip-bad-block", "gzip-bad-checksum", "gzip-bad-length", "deflate-bad",
}) do
  -- Only the checksum at the end tells: what came before may be anything.
  rows[#rows + 1] = { bad, "bad bytes: " .. bad:gsub("-", " "), "protocol", forged = true }
end

-- The same where only the coding could tell that the body was cut.
for _, cut in ipairs({ "gzip-cut-middle", "deflate-cut" }) do
  local name = cut:match("^%a+")
  rows[#rows + 1] = {
    cut .. "-until-close", name .. " is cut, ended by the connection", "protocol or closed",
    on = "h1",
  }
  rows[#rows + 1] = { cut .. "-chunked", name .. " is cut, in whole chunks", "protocol", on = "h1" }
end

-- Those that a build may lack: then it has not asked for them.
for _, coding in ipairs({ "br", "zstd" }) do
  local function row(name, text, right)
    rows[#rows + 1] = { coding .. name, text, right, needs = coding }
  end
  rows[#rows + 1] = { coding, coding, "ok", needs = coding }
  row("-cut", coding .. " is cut", "protocol")
  row("-cut-last-byte", coding .. " without its last byte", "protocol")
  row("-bad", coding .. " that is none", "protocol")
  row("-trailing", "bytes behind the end of " .. coding, "protocol")
  rows[#rows + 1] = {
    coding .. "-cut-until-close", coding .. " is cut, ended by the connection",
    "protocol or closed", on = "h1", needs = coding,
  }
  rows[#rows + 1] = {
    coding .. "-cut-chunked", coding .. " is cut, in whole chunks", "protocol",
    on = "h1", needs = coding,
  }
end
rows[#rows + 1] = { "zstd-frames", "two frames of zstd, one to be skipped between", "ok",
  needs = "zstd" }
rows[#rows + 1] = { "zstd-window", "zstd that wants a window of 1 TiB", "protocol or too_large",
  needs = "zstd" }
rows[#rows + 1] = { "gzip-then-br", "`gzip, br`", "ok", needs = "br" }

for _, bomb in ipairs({
  { "gzip", "64 MiB of zeros in 64 KiB of gzip" },
  { "nested", "the same in gzip twice: 234 bytes" },
  { "members", "the same in 64 members" },
  { "br", "the same in 53 bytes of br", "br" },
  { "zstd", "the same in 2 KiB of zstd", "zstd" },
}) do
  rows[#rows + 1] = {
    "bomb-" .. bomb[1], bomb[2], "too_large", needs = bomb[3],
    but = { { "chunks", "ok" }, { "save", "ok" } },
    options = BOMB, zeros = 64 * MIB, seconds = 6, memory = 40,
  }
end

return rows
