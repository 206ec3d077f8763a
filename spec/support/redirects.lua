-- What the specs of redirects share.
local echoed = require("spec.support.echoed")
local helper = require("spec.helper")
local ms = require("multisock")

local redirects = {}

--- The path that redirects to `to` with `status`.
function redirects.path(to, status)
  return "/redirect?status=" .. (status or 302) .. "&to=" .. helper.escape(to)
end

--- What the last server of the chain received; and its response.
function redirects.echo(url, options, method)
  local response = ms.assert(ms[method or "fetch"](url, options))
  return (echoed.of(response)), response
end

return redirects
