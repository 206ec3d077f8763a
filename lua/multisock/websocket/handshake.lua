-- The opening of a WebSocket (RFC 6455, 4.1): a request that passes the client's chain as
-- any other does, and whose answer has to be 101. From then on its connection carries
-- frames both ways: link.lua.
local base64 = require("multisock.base.base64")
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local is_token = require("multisock.request.headers").is_token
local checks = require("multisock.request.options").checks
local own_options = require("multisock.request.own_options")
local request = require("multisock.request")
local targets = require("multisock.request.targets")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")

local next, pairs = compat.next, compat.pairs

local handshake = {}

-- Of an answer that is another one than 101: what is read of its body, and for how long.
local REFUSAL_MOST = 64 * 1024
local REFUSAL_SECONDS = 5

---- Options --------------------------------------------------------------------------

-- Those of requests that mean nothing here, and why.
local NO_BODY = ": the handshake is a GET without a body"
local AS_IT_IS = ": a handshake takes the answer as it is"
local REFUSED = {
  method = NO_BODY, body = NO_BODY, json = NO_BODY, form = NO_BODY, multipart = NO_BODY,
  buffer = AS_IT_IS, cache = AS_IT_IS, decompress = AS_IT_IS, fail_on_error = AS_IT_IS,
  progress = AS_IT_IS, max_body = ": use max_size, which is for a message",
  redirect = ": redirects are not followed", max_redirects = ": redirects are not followed",
  http_version = ": WebSocket is spoken over HTTP/1.1",
}

-- Header fields that are part of the handshake, or frame a body.
local OURS = {
  ["connection"] = true, ["upgrade"] = true, ["content-length"] = true,
  ["transfer-encoding"] = true, ["expect"] = true, ["sec-websocket-key"] = true,
  ["sec-websocket-version"] = true, ["sec-websocket-accept"] = true,
  ["sec-websocket-extensions"] = "compressed messages are not supported",
  ["sec-websocket-protocol"] = "use the option 'subprotocols'",
}

local function subprotocols(name, value)
  local seen, own = {}, checks.list(name, value)
  for i, protocol in ipairs(own) do
    if not is_token(protocol) or seen[protocol] then
      checks.expected(("%s[%d]"):format(name, i), "a name of its own, without blanks,", protocol)
    end
    seen[protocol] = true
  end
  return own
end

-- What a WebSocket takes beside the options of requests, as rows: see request/options.lua.
local OWN = {
  subprotocols = { check = subprotocols, type = "string[]", default = {}, shown = "none",
    doc = "what to speak over it, the best first: the server has to choose one" },
  max_size = { check = own_options.size_or_huge, type = "integer", default = 16 * 1024 * 1024,
    shown = "16 MiB",
    doc = "largest message that is received; `math.huge`: no limit" },
}
handshake.rows = OWN

-- Returns the options of the request; those of the WebSocket.
local function check_options(options)
  local refused = REFUSED
  if type(options) == "table" and options.http_version == "1.1" then
    refused = values.merged(REFUSED, { http_version = false })
  end
  local own, given = own_options.split("websocket", OWN, refused, options == nil and {} or options)
  -- What the client says of answers is not for this one.
  given.http_version, given.decompress, given.redirect = "1.1", false, "manual"
  given.cache, given.buffer, given.fail_on_error = false, false, false
  given.max_body = REFUSAL_MOST
  if type(given.headers) == "table" then
    for name in pairs(given.headers) do
      local why = type(name) == "string" and OURS[name:lower()]
      if why then
        errors.misuse(("websocket: headers: %s: %s"):format(name,
          why == true and "the handshake has its own" or why))
      end
    end
  end
  return given, own
end

---- The request ----------------------------------------------------------------------

local LINES = { ws = "http", wss = "https", http = "http", https = "https" }

-- "ws://h/p" as HTTP has it: that is what is asked, and whom cookies are for.
local function to_http(url)
  local scheme, rest = url:match("^%s*(%a[%w+.-]*)(://.*)$")
  if scheme == nil then
    return url                        -- below a base_url, or none at all
  end
  local known = LINES[scheme:lower()]
  if known == nil then
    return nil, errors.new("url", ("the URL of a WebSocket begins with ws:// or wss://, not %s://")
      :format(scheme), { url = errors.redact_text(url) })
  end
  return known .. rest
end

--- A URL as WebSocket has it, for who asked so.
function handshake.to_ws(url)
  return url and (url:gsub("^http", "ws"))
end

-- The fields of the handshake, and the request's own.
local function add_fields(made, key, own)
  local list = {
    { "Connection", "Upgrade" }, { "Upgrade", "websocket" }, { "Sec-WebSocket-Version", "13" },
    { "Sec-WebSocket-Key", key },
  }
  if #own.subprotocols > 0 then
    list[#list + 1] = { "Sec-WebSocket-Protocol", table.concat(own.subprotocols, ", ") }
  end
  for _, field in ipairs(made:fields()) do
    if not OURS[field[1]:lower()] then
      list[#list + 1] = field
    end
  end
  made.headers = list
end

-- Rounds of authentication end with a connection that is through.
local function check_auth(made)
  local auth = made.settings.auth
  local kind = auth and next(auth)
  if kind and kind ~= "basic" and kind ~= "bearer" then
    errors.misuse(("websocket: option 'auth': basic and bearer are known here, not %s")
      :format(kind))
  end
end

local function make(client, url, options, own)
  if type(url) ~= "string" then
    errors.misuse("url: string expected, got " .. values.describe(url))
  elseif client.agent then
    errors.misuse("websocket: the client has an agent, and no connections of its own")
  end
  local http, err = to_http(url)
  if http == nil then
    return nil, err
  end
  local made
  made, err = request.new(client, "GET", http, options)
  if made == nil then
    return nil, err
  elseif targets.url(made.target):get("fragment") then
    return nil, errors.new("url", "the URL of a WebSocket has no fragment (#...)",
      { url = errors.redact_text(url) })
  end
  check_auth(made)
  local key = base64.encode(core.random(16))
  add_fields(made, key, own)
  made.body, made.shown = { unframed = true }, handshake.to_ws
  made.simple, made.marks = false, true
  return made, key
end

---- The answer -----------------------------------------------------------------------

local function has_token(text, token)
  for entry in (text or ""):gmatch("[^,]+") do
    if entry:match("^%s*(.-)%s*$"):lower() == token then
      return true
    end
  end
  return false
end

-- What is wrong with an answer of 101, or nil; else the subprotocol.
local function fault_of(headers, key, own)
  local sum, why = core.websocket_accept(key)
  if sum == nil then
    return why
  elseif not has_token(headers:get("Upgrade"), "websocket") then
    return "the server switches to another protocol than websocket"
  elseif not has_token(headers:get("Connection"), "upgrade") then
    return "the answer's Connection does not say \"Upgrade\""
  elseif headers:get("Sec-WebSocket-Accept") ~= base64.encode(sum) then
    return "the answer's Sec-WebSocket-Accept is not what the key asks for"
  elseif (headers:get("Sec-WebSocket-Extensions") or ""):find("%S") then
    return ("the server uses an extension that was not asked for: %s"):format(
      errors.quote(headers:get("Sec-WebSocket-Extensions")))
  end
  local chosen = headers:get("Sec-WebSocket-Protocol")
  if chosen == nil and #own.subprotocols > 0 then
    return "the server speaks none of the subprotocols"
  elseif chosen == nil then
    return nil
  end
  for _, name in ipairs(own.subprotocols) do
    if name == chosen then
      return nil, chosen
    end
  end
  return ("the server speaks a subprotocol that was not asked for: %s"):format(
    errors.quote(chosen))
end

-- Another answer than 101: what can be had of its body in a short time is kept with it.
local function refused(response)
  local running = response._transfer
  if running and not running.released then
    running.easy:end_upload()
    tasks.with_timeout(REFUSAL_SECONDS, response.text, response)
    running:abort()                   -- what is left of a longer one
  end
  return errors.new("status", ("the server did not switch to WebSocket: status %d%s"):format(
    response.status, response.status_text ~= "" and " " .. core.plain(response.status_text) or ""),
    { response = response, retryable = response.status >= 500, phase = "receive",
      attempts = response.attempts })
end

-- Errors tell of the URL that was asked for.
local function fail(made, err)
  if errors.is(err) then
    err.url = handshake.to_ws(err.url or errors.redact_url(made.target.text))
    err.phase = err.phase == "send" and "wait" or err.phase      -- nothing but the head is sent
    err.request = made
  end
  return nil, err
end

--- Opens one.
-- @return response of status 101, own options, subprotocol; or nil, err
-- @raise on misuse, at the caller's line
function handshake.perform(client, url, options)
  local given, own = check_options(options)
  local made, key = make(client, url, given, own)
  if made == nil then
    return nil, key
  end
  local response, err = client.handler(made)
  if response == nil then
    return fail(made, err)
  elseif response.status ~= 101 or response._transfer == nil then
    return fail(made, refused(response))
  end
  local fault, subprotocol = fault_of(response.headers, key, own)
  if fault then
    response:close()
    return fail(made, errors.new("protocol", fault, { response = response, phase = "receive",
      attempts = response.attempts }))
  end
  return response, own, subprotocol
end

return handshake
