-- Redirects, as WHATWG fetch does them. Not left to libcurl, which keeps all
-- headers but two for a foreign origin, and has no history.
local errors = require("multisock.errors")
local request_module = require("multisock.request")
local targets = require("multisock.targets")

-- What is read of a redirect's own body to keep its connection.
local DRAIN_MOST = 64 * 1024

local function is_redirect(status)
  return status == 301 or status == 302 or status == 303 or status == 307 or status == 308
end

local function refuse(response, message)
  response:close()
  return nil, errors.new("redirect", message, {
    url = response.url, response = response, attempts = 1,
  })
end

local BODY_HEADERS = {
  ["content-type"] = true, ["content-length"] = true, ["content-encoding"] = true,
  ["content-language"] = true, ["content-location"] = true, ["transfer-encoding"] = true,
}

local function without(list, names)
  local kept = {}
  for i = 1, #list do
    if not names[list[i][1]:lower()] then
      kept[#kept + 1] = list[i]
    end
  end
  return kept
end

-- The settings of the next hop lose what identifies the user.
local function stranger_settings(given)
  local tls
  if given.tls then
    tls = {}
    for key, value in pairs(given.tls) do
      if key ~= "cert" and key ~= "key" and key ~= "password" then
        tls[key] = value
      end
    end
  end
  return setmetatable({ auth = false, tls = tls }, { __index = given })
end

local function becomes_get(status, method)
  return status == 303 and method ~= "HEAD" and method ~= "GET"
    or (status == 301 or status == 302) and method == "POST"
end

-- The request for the next hop; or nil, message.
local function next_request(request, response, target)
  local hop = request:clone()
  hop.target = target
  if becomes_get(response.status, request.method) then
    hop.method = "GET"
    hop.body = nil
    hop.headers = without(hop.headers, BODY_HEADERS)
  elseif hop.body and hop.body.read then
    if hop.body.rewind == nil then
      return nil, "the body came from a function and cannot be sent again"
    end
    hop.body.rewind()
  end
  if target.origin ~= request.target.origin then
    hop.headers = without(hop.headers, request.settings.sensitive_headers)
    hop.settings = stranger_settings(request.settings)
  end
  return hop
end

return function(request, next)
  local response, err = next(request)
  if response == nil or not is_redirect(response.status) then
    return response, err
  end
  local given = request.settings
  if given.redirect == "manual" then
    return response
  end
  local history = {}
  while true do
    local location = response.headers:get("location")
    if location == nil then
      return response
    elseif given.redirect == "error" then
      return refuse(response, "the server redirects, and redirect = \"error\"")
    elseif #history >= given.max_redirects then
      return refuse(response, ("more than %d redirects"):format(given.max_redirects))
    end
    local target, allowed, hop
    target, err = targets.resolve(request.target, location)
    if target == nil then
      return refuse(response, "the server redirects to an invalid URL: " .. err.message)
    end
    allowed, err = request_module.check_target(given, target)
    if not allowed then
      response:close()
      return nil, err
    end
    hop, err = next_request(request, response, target)
    if hop == nil then
      return refuse(response, err)
    end
    response:discard(DRAIN_MOST)
    history[#history + 1] = response
    request = hop
    response, err = next(request)
    if response == nil then
      return nil, err
    end
    if not is_redirect(response.status) then
      break
    end
  end
  response.history = history
  response.redirected = true
  return response
end
