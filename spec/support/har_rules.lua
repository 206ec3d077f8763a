-- What HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/) asks of a file, and what the
-- network panels that import one do with it: Chromium's (front_end/models/har) and Firefox's
-- (devtools/client/netmonitor/src/har), as of 2026.
local assert = require("luassert")

local har_rules = {}

local STRING, NUMBER, LIST = "string", "number", "table"

-- Chromium takes `log.version`, `creator`, each field of both messages and `content` as they
-- are, and refuses the whole file for a date or a number that is none. Firefox walks `pages`,
-- and reads of `cache`.
local LOG = { version = STRING, creator = LIST, pages = LIST, entries = LIST }
local ENTRY = { startedDateTime = STRING, time = NUMBER, request = LIST, response = LIST,
  cache = LIST, timings = LIST, _resourceType = STRING }
local MESSAGE = { httpVersion = STRING, cookies = LIST, headers = LIST, headersSize = NUMBER,
  bodySize = NUMBER }
local REQUEST = { method = STRING, url = STRING, queryString = LIST }
local RESPONSE = { status = NUMBER, statusText = STRING, content = LIST, redirectURL = STRING }
local ALWAYS = { send = NUMBER, wait = NUMBER, receive = NUMBER }

-- Kinds that Chromium knows by name: another one is thrown away, and guessed.
local TYPES = { fetch = true, websocket = true }

local function has(object, fields, where)
  for name, kind in pairs(fields) do
    assert.equal(kind, type(object[name]), where .. "." .. name)
  end
end

local function check_pairs(list, where)
  for _, field in ipairs(list) do
    has(field, { name = STRING, value = STRING }, where)
  end
end

local function is_whole(number, least)
  return number % 1 == 0 and number >= least
end

-- A phase that was not there is -1; `connect` has `ssl` in it, from which Chromium takes it;
-- the others one after the other are all of `time`.
local function check_times(entry)
  local sum = 0
  has(entry.timings, ALWAYS, "timings")
  for name, spent in pairs(entry.timings) do
    assert.truthy(spent >= 0 or spent == -1 and not ALWAYS[name], name)
    sum = sum + (name ~= "ssl" and math.max(0, spent) or 0)
  end
  assert.truthy(entry.timings.ssl <= math.max(-1, entry.timings.connect))
  assert.truthy(math.abs(sum - entry.time) < 0.01)
end

local function check_sizes(message)
  assert.truthy(is_whole(message.headersSize, -1) and is_whole(message.bodySize, -1))
end

-- A text is shown as it is, anything else has to be base64; its size is that of what is shown.
local function check_content(content)
  has(content, { size = NUMBER, mimeType = STRING }, "content")
  assert.truthy(is_whole(content.size, 0))
  if content.encoding then
    assert.equal("base64", content.encoding)
    assert.truthy(content.text:find("^[%w+/]+=*$") and #content.text % 4 == 0)
    assert.equal(#content.text / 4 * 3 - #content.text:match("=*$"), content.size)
  end
end

local function check_request(request)
  has(request, MESSAGE, "request")
  has(request, REQUEST, "request")
  check_sizes(request)
  assert.truthy(request.url:find("^%a[%w+.-]*://[^/]"), request.url)
  check_pairs(request.headers, "headers")
  check_pairs(request.cookies, "cookies")
  check_pairs(request.queryString, "queryString")
  if request.postData then
    has(request.postData, { mimeType = STRING, text = STRING, params = LIST }, "postData")
    check_pairs(request.postData.params, "params")
  end
end

local function check_response(response)
  has(response, MESSAGE, "response")
  has(response, RESPONSE, "response")
  check_sizes(response)
  assert.truthy(response.status == 0 or is_whole(response.status, 100))
  check_pairs(response.headers, "headers")
  check_pairs(response.cookies, "cookies")
  check_content(response.content)
  if response.status == 0 then
    has(response, { _error = STRING }, "response")
  end
end

-- Without one of these fields Chromium leaves a message out.
local function check_messages(list)
  for _, message in ipairs(list or {}) do
    has(message, { type = STRING, time = NUMBER, opcode = NUMBER, data = STRING }, "message")
    assert.truthy(message.type == "send" or message.type == "receive")
  end
end

--- @param log what stands in a file as `log`
function har_rules.check(log)
  has(log, LOG, "log")
  assert.equal("1.2", log.version)
  has(log.creator, { name = STRING, version = STRING }, "creator")
  local last = ""
  for _, entry in ipairs(log.entries) do
    has(entry, ENTRY, "entry")
    assert.truthy(entry.startedDateTime:find(
      "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"), entry.startedDateTime)
    assert.truthy(entry.startedDateTime >= last)
    last = entry.startedDateTime
    assert.truthy(TYPES[entry._resourceType], entry._resourceType)
    if entry.serverIPAddress then       -- and its port, which is shown behind it
      assert.truthy(tonumber(entry.connection) > 0)
    end
    check_request(entry.request)
    check_response(entry.response)
    check_times(entry)
    check_messages(entry._webSocketMessages)
  end
end

return har_rules
