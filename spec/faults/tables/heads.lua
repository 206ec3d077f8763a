-- Header blocks.
local EITHER = "ok or protocol"
local LARGE = "ok or protocol or too_large"

local function no_controls(response)
  for name, value in response.headers:each() do
    if (name .. value):find("[%z\r\n]") then
      return "a header has NUL, CR or LF"
    end
  end
  if response.headers["x-smuggled"] then
    return "a bare CR has begun a header"
  end
end

local function value(name, wanted)
  return function(response)
    local is = response.headers[name]
    if (is or "none"):gsub("%s+", " ") ~= wanted then
      return ("%s is %q"):format(name, tostring(is))
    end
  end
end

return {
  title = "Header blocks",
  on = "h1",
  { "head-folded-first", "the first line begins with a blank", "protocol" },
  { "head-folded-first-tab", "the first line begins with a tab", "protocol" },
  { "head-folded", "a value in three lines (obs-fold)", "ok",
    check = value("x-folded", "one two three") },
  { "head-folded-blank", "a line of blanks alone goes on", "ok" },
  { "head-blank-before-colon", "a blank before the colon", EITHER },
  { "head-no-colon", "a line without a colon", EITHER },
  { "head-no-name", "a line that begins with its colon", EITHER },
  { "head-no-value", "an empty value", "ok", check = value("x-empty", "") },
  { "head-nul", "NUL in a value", "protocol" },
  { "head-nul-in-name", "NUL in a name", "protocol" },
  { "head-bare-cr", "CR in a value", EITHER, check = no_controls },
  { "head-bare-lf", "lines that end with LF alone", "ok", check = value("x-after", "b") },
  { "head-controls", "control characters in a value", EITHER },
  { "head-eight-bit", "bytes above 127", "ok" },
  { "head-line-blanks", "90 KB of blanks within a value", LARGE },
  { "head-line-tabs", "90 KB of tabs", LARGE },
  { "head-line-cr", "90 KB of CR", LARGE, check = no_controls },
  { "head-line-colons", "90 KB of colons", LARGE },
  { "head-line-90k", "a value of 90 KB", "ok" },
  { "head-name-90k", "a name of 90 KB", LARGE },
  { "head-line-400k", "a value of 400 KB", "too_large" },
  { "head-400-fields", "400 headers of 1 KB", "too_large" },
  { "head-4000-fields", "4,000 small headers", "ok" },
  { "head-40000-fields", "40,000 headers of 5 bytes", "ok or too_large" },
  { "head-million-lines", "a million headers", "too_large" },
  { "head-same-name", "one header 4,000 times", "ok" },
}
