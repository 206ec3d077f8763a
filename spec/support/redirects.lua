-- What the specs of redirects share.
local ms = require("multisock")

local redirects = {}

local function encode(text)
  return (text:gsub("[^%w]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- The path that redirects to `to` with `status`.
function redirects.path(to, status)
  return "/redirect?status=" .. (status or 302) .. "&to=" .. encode(to)
end

--- What the last server of the chain received; and its response.
function redirects.echo(url, options, method)
  local response = assert(ms[method or "fetch"](url, options))
  local seen = assert(response:json())
  seen.fields = {}
  for _, pair in ipairs(seen.headers) do
    seen.fields[pair[1]:lower()] = pair[2]
  end
  return seen, response
end

return redirects
