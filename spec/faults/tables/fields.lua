-- HTTP/2: header fields that are malformed (RFC 9113, 8.1 to 8.3), or too many.
local ANY = "protocol or closed"
-- nghttp2 leaves some malformed fields out, as RFC 9113 did not forbid before 8.2.1.
local OUT = "ok or protocol or closed"
local LARGE = "too_large or protocol or closed"

local function clean(response)
  for name, value in response.headers:each() do
    if (name .. value):find("[%z\r\n]") or name:lower() == "set-cookie" then
      return "a malformed field came through"
    end
  end
end

local rows = {
  title = "HTTP/2: header fields",
  on = "h2",
}
for _, field in ipairs({
  { "no-status", "no status", ANY }, { "status-twice", "two statuses", ANY },
  { "status-words", "status abc", ANY }, { "status-099", "status 099", ANY },
  { "status-long", "status 2000", ANY }, { "status-empty", "an empty status", ANY },
  { "pseudo-late", "a pseudo-header behind others", ANY },
  { "pseudo-request", "a pseudo-header of requests", ANY },
  { "upper-case", "a name in upper case", OUT }, { "connection", "Connection", ANY },
  { "transfer", "Transfer-Encoding", ANY }, { "name-empty", "an empty name", OUT },
  { "name-blank", "a blank in a name", OUT }, { "name-cr", "CR and LF in a name", OUT },
  { "name-colon", "a colon in a name", OUT }, { "value-nul", "NUL in a value", OUT },
  { "value-crlf", "CR and LF in a value", OUT }, { "value-cr", "CR in a value", OUT },
  { "value-blanks", "60 KB of blanks", "ok or " .. LARGE },
  { "value-90k", "a value of 90 KB", "ok or " .. LARGE },
  { "value-400k", "a value of 400 KB", LARGE }, { "400", "400 fields of 1 KB", LARGE },
  { "4000", "4,000 small fields", "ok or " .. LARGE },
  { "bomb", "4 KB, repeated 16,000 times by one byte each", LARGE },
  { "length-more", "a length that is too long", ANY },
  { "length-less", "a length that is too short", ANY },
  { "length-words", "`content-length: many`", ANY },
  { "length-twice", "two lengths", ANY }, { "length-negative", "a negative length", ANY },
}) do
  rows[#rows + 1] = { "field-" .. field[1], field[2], field[3], check = clean,
    -- See frames.lua.
    seen = field[3]:find("too_large", 1, true) and 2 or nil }
end

return rows
