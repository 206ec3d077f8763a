-- What the specs of redirects share.
local echoed = require("spec.support.echoed")
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
  local response = ms.assert(ms[method or "fetch"](url, options))
  return (echoed.of(response)), response
end

return redirects
