-- An attempt as an entry of a HAR file (http://www.softwareishard.com/blog/har-12-spec), its
-- secrets removed.
local attempts = require("multisock.trace.attempts")
local base64 = require("multisock.base.base64")
local core = require("multisock.core")
local echoes = require("multisock.har.echoes")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local pairs = require("multisock.base.compat").pairs
local percent = require("multisock.base.percent")
local secrets = require("multisock.request.secrets")
local text = require("multisock.base.text")
local values = require("multisock.base.values")

local entries = {}

local list_of = core.json_array

local function milliseconds(seconds)
  return math.floor(seconds * 1e6 + 0.5) / 1000
end

-- What JSON can say of bytes from strangers.
local function word(value)
  return text.valid(tostring(value))
end

---- Parts of both messages ----------------------------------------------------

local function fields_of(list, sensitive)
  local fields = {}
  for _, field in ipairs(list) do
    fields[#fields + 1] = { name = word(field[1]),
      value = word(secrets.hide_header(field[1], field[2], sensitive)) }
  end
  return list_of(fields)
end

local function cookies_of(list, wanted)
  local cookies = {}
  for _, field in ipairs(list) do
    if field[1]:lower() == wanted then
      for pair in (wanted == "cookie" and field[2] or field[2]:match("^[^;]*")):gmatch("[^;]+") do
        cookies[#cookies + 1] = { name = word(pair:match("^%s*([^=]*)")), value = secrets.HIDDEN }
      end
    end
  end
  return list_of(cookies)
end

local function decoded(value)
  return word(percent.unescape((value:gsub("%+", " "))))
end

-- "a=1&b=2", its secrets hidden already.
local function pairs_of(query)
  local list = {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    list[#list + 1] = { name = decoded(name), value = decoded(value) }
  end
  return list_of(list)
end

--- Whether it is text of UTF-8, as far as a body can be told from others.
local function is_text(body)
  return not body:find("[%z\1-\8\14-\26\28-\31]") and text.valid(body) == body
end

--- A URL as it stands in an entry.
function entries.url(url)
  return word(secrets.hide_url((url:gsub("#.*$", ""))))
end

--- Whether messages follow an answer, and no body.
function entries.is_switched(status)
  return status == 101
end

--- A body of text as it stands in an entry.
-- @param content_type? of messages it has none
function entries.body(body, content_type)
  return secrets.hide_body(body, content_type)
end

---- The request ---------------------------------------------------------------

--- What is known of a request when it begins.
-- @param most bytes of a body that are kept @param known of echoes.lua
-- @return table
function entries.request(made, most, known)
  local list = made:fields()
  if made.content_type and not headers.find(list, "Content-Type") then
    list = headers.merge(list, { { "Content-Type", made.content_type } })
  end
  local url = entries.url(made:shown_url())
  local kept = {
    method = word(made.method), url = url, httpVersion = "unknown",
    headers = fields_of(list, made.settings.sensitive_headers),
    cookies = cookies_of(list, "cookie"), queryString = pairs_of(url:match("%?(.*)") or ""),
    headersSize = -1, bodySize = 0,
  }
  local body = made.body
  echoes.learn(known, made, list, body and body.bytes and body.bytes:sub(1, most))
  if body and not body.unframed then      -- messages are no body
    local bytes, kind = body.bytes, headers.find(list, "Content-Type") or ""
    local post = { mimeType = word(kind), params = list_of({}), text = "" }
    kept.bodySize, kept.postData = bytes and #bytes or -1, post
    if bytes == nil then
      post.comment = "it came from a function or a file"
    elseif #bytes > most then
      post.comment = ("left out: longer than %d bytes"):format(most)
    elseif is_text(bytes) then
      post.text = entries.body(bytes, kind)
      if kind:lower():find("^application/x%-www%-form%-urlencoded") then
        post.params = pairs_of(post.text)
      end
    else
      post.text, post._encoding = base64.encode(bytes), "base64"
    end
  end
  return kept
end

---- The response --------------------------------------------------------------

local function header_list(response)
  local list = {}
  for name, value in response.headers:each() do
    list[#list + 1] = { name, value }
  end
  return list
end

--- @param sensitive table of the option `sensitive_headers`
function entries.response(response, sensitive)
  local list = header_list(response)
  local version = response.http_version
  local location = response.headers:get_all("location")[1]
  return {
    status = response.status, statusText = word(response.status_text or ""),
    httpVersion = version and "HTTP/" .. version or "unknown",
    headers = fields_of(list, sensitive), cookies = cookies_of(list, "set-cookie"),
    content = { size = 0, mimeType = word(response.headers:get_all("content-type")[1]
      or "x-unknown") },
    redirectURL = location and entries.url(location) or "", headersSize = -1, bodySize = -1,
  }
end

-- `body`: nil when it was not read to its end, or is too long.
local function add_body(content, body, known)
  if body == nil then
    content.comment = "not read to its end, or longer than is kept"
    return
  end
  content.size = #body
  if is_text(body) then
    content.text = echoes.hide(known, entries.body(body, content.mimeType))
  elseif body ~= "" then
    content.text, content.encoding = base64.encode(body), "base64"
  end
end

-- What came of one without an answer; as browsers write it.
local function no_response()
  return {
    status = 0, statusText = "", httpVersion = "unknown", headers = list_of({}),
    cookies = list_of({}), content = { size = 0, mimeType = "x-unknown" }, redirectURL = "",
    headersSize = -1, bodySize = -1,
  }
end

---- WebSockets ---------------------------------------------------------------------

local TYPES, OPCODES = { sent = "send", received = "receive" }, { text = 1, binary = 2 }

-- As Chromium writes and reads them: its panel shows them beside the request.
local function messages_of(attempt, wall, known)
  local list = {}
  for i, message in ipairs(attempt.messages or {}) do
    local data = message.data
    list[i] = { type = TYPES[message.direction], time = wall(message.at),
      opcode = OPCODES[message.kind], data = message.kind == "binary" and base64.encode(data)
        or echoes.hide(known, entries.body(data)) }
  end
  return list_of(list)
end

-- What is beside the rest of an entry, where it is one.
local function websocket_of(attempt, wall, known)
  local ended = attempt.websocket
  return {
    _resourceType = "websocket",
    _webSocketMessages = messages_of(attempt, wall, known),
    _webSocket = ended and values.merged(ended, { reason = echoes.hide(known, ended.reason) }),
  }
end

---- All of it -------------------------------------------------------------------

-- "2026-11-29T16:13:24.123Z"
local function date(seconds)
  local whole = math.floor(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole)
    .. (".%03dZ"):format(math.floor((seconds - whole) * 1000))
end

local function timings_of(spent, attempt)
  local timings = {
    blocked = milliseconds(spent.queue), dns = -1, connect = -1, ssl = -1,
    send = milliseconds(spent.send), wait = milliseconds(spent.wait),
    receive = milliseconds(spent.receive),
  }
  if spent.connected or attempt.connect == nil and spent.connect > 0 then
    timings.dns = milliseconds(spent.dns)
    -- Negotiating is a part of connecting there.
    timings.connect = milliseconds(spent.connect + spent.tls)
    timings.ssl = spent.tls > 0 and milliseconds(spent.tls) or -1
  end
  return timings
end

--- @param attempt of attempts.lua, with `request`, and `response` and `body` if there were any
-- @param wall function(seconds of the clock) -> seconds since 1970
-- @param now seconds of the clock @param known of echoes.lua
function entries.entry(attempt, wall, now, known)
  local timings = timings_of(attempts.phases(attempt, now), attempt)
  local time = 0
  for name, ms in pairs(timings) do
    time = time + (name ~= "ssl" and math.max(0, ms) or 0)
  end
  local err, request, response = attempt.err, attempt.request, attempt.response or no_response()
  local sizes = attempt.sizes
  if attempt.response then
    if not entries.is_switched(response.status) then
      add_body(response.content, attempt.body, known)
    end
    for _, field in ipairs(response.headers) do
      field.value = echoes.hide(known, field.value)
    end
  end
  if sizes then
    response.headersSize, response.bodySize = sizes.headers, sizes.body
  end
  request.httpVersion = response.httpVersion
  response._error = err and echoes.hide(known, word(errors.is(err)
    and errors.redact_url(err.kind .. ": " .. err.message) or "raised")) or nil
  local ip, port = (attempt.peer or ""):match("^%[?(.-)%]?:(%d+)$")
  local entry = {
    startedDateTime = date(wall(attempt.queue)), time = milliseconds(time / 1000),
    request = request, response = response, cache = {}, timings = timings,
    serverIPAddress = ip, connection = port, _kind = err and errors.is(err) and err.kind or nil,
    _resourceType = "fetch",
  }
  return request.url:find("^wss?:") and values.merged(entry, websocket_of(attempt, wall, known))
    or entry
end

return entries
