-- Redirects, as WHATWG fetch does them. Not left to libcurl, which keeps all
-- headers but two for a foreign origin, and has no history.
local errors = require("multisock.base.errors")
local netrc = require("multisock.request.netrc")
local pause = require("multisock.middleware.pause")
local permission = require("multisock.request.permission")
local is_redirect = require("multisock.response").is_redirect
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")

-- The answer that led there goes with the error.
local function stop_at(response, err)
  response:close()
  err.response, err.attempts, err.phase = response, response.attempts, "receive"
  return nil, err
end

local function refuse(response, message)
  return stop_at(response, errors.new("redirect", message, { url = response.url }))
end

local BODY_HEADERS = {
  ["content-type"] = true, ["content-length"] = true, ["content-encoding"] = true,
  ["content-language"] = true, ["content-location"] = true, ["transfer-encoding"] = true,
}

local function becomes_get(status, method)
  return status == 303 and method ~= "HEAD" and method ~= "GET"
    or (status == 301 or status == 302) and method == "POST"
end

-- The request for the next hop; or nil, message.
local function next_request(request, response, target)
  local hop = request:clone()
  hop.tries, hop.repeated = nil, nil
  hop.target = target
  if becomes_get(response.status, request.method) then
    hop.method = "GET"
    hop.body, hop.content_type = nil, nil
    hop.headers = strangers.without(hop:fields(), BODY_HEADERS)
  else
    local ok, why = hop:replay()
    if not ok then
      return nil, why
    end
  end
  if target.origin ~= request.target.origin then
    strangers.estrange(hop)
  end
  return hop
end

-- The Location; and whether there are others that say something else.
local function one_location(fields)
  local all = fields:get_all("location")
  for i = 2, #all do
    if all[i] ~= all[1] then
      return all[1], true
    end
  end
  return all[1]
end

-- A fragment lives on when the Location has none (RFC 9110 10.2.2).
local function resolve(base, location)
  local target, err = targets.resolve(base, location)
  local fragment = base.text:match("#.*$")
  if target and fragment and not target.text:find("#", 1, true) then
    return targets.get(target.text .. fragment)
  end
  return target, err
end

-- Where a response sends the request: a new request; false: nowhere; or nil, err.
local function follow(request, response, count)
  local given = request.settings
  local location, others = one_location(response.headers)
  if location == nil then
    return false
  elseif others then
    return refuse(response, "the server redirects to several URLs at once")
  elseif given.redirect == "error" then
    return refuse(response, "the server redirects, and redirect = \"error\"")
  elseif count >= given.max_redirects then
    return refuse(response, ("more than %d redirects"):format(given.max_redirects))
  end
  local target, err = resolve(request.target, location)
  if target == nil then
    return refuse(response, "the server redirects to an invalid URL: " .. err.message)
  end
  local allowed
  allowed, err = permission.check(given, target)
  if not allowed then
    return stop_at(response, err)
  end
  local hop
  hop, err = next_request(request, response, target)
  if hop == nil then
    return refuse(response, err)
  elseif given.netrc and target.origin ~= request.target.origin then
    allowed, err = netrc.apply(hop, true)
    if not allowed then
      return stop_at(response, err)
    end
  end
  return hop
end

local redirect = {}

--- Goes on from a response that may be a redirect.
-- @param next function(request) -> response; or nil, err
-- @return the response at the end of it; or nil, err
function redirect.continue(request, response, next)
  if not is_redirect(response.status) or request.settings.redirect == "manual" then
    return response
  end
  local history = {}
  repeat
    local hop, err = follow(request, response, #history)
    if hop == nil then
      return nil, err
    elseif hop == false then
      break
    end
    if request.client.tell then
      request:event("redirect", { response = response, to = hop:url() })
    end
    response:drain()
    if request.client.closed then     -- by who was told, or meanwhile
      return nil, pause.closed_error(hop, response.attempts)
    end
    history[#history + 1] = response
    request = hop
    response, err = next(request)
    if response == nil then
      return nil, err
    end
  until not is_redirect(response.status)
  if #history > 0 then
    response.history = history
    response.redirected = true
  end
  return response
end

return redirect
