-- Writes docs/cache-cases.md.
local cases = require("spec.cache_suite.cases")

local page = {}

function page.text()
  local lines = {
    "# What the cache does of RFC 9111",
    "",
    "<!-- Written by script/docs: change spec/cache_suite/cases.lua. -->",
    "",
    #cases .. " cases, each of which spec/cache_rules_spec.lua runs against a server; sections are",
    "those of RFC 9111 but where another RFC is named. How to use it: [cache.md](cache.md).",
    "",
    "| section | case |",
    "|---|---|",
  }
  for _, case in ipairs(cases) do
    lines[#lines + 1] = ("| %s | %s |"):format(case.section, case.what)
  end
  return table.concat(lines, "\n") .. "\n"
end

return page
