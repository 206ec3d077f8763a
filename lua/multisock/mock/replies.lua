-- What the routes of a mock answer with: checked, and made a response when it is asked for.
local checks = require("multisock.mock.checks")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local is_once = require("multisock.request").is_once
local made = require("multisock.response.made")
local pairs = require("multisock.base.compat").pairs
local pause = require("multisock.middleware.pause")
local scheduler = require("multisock.tasks.scheduler")
local values = require("multisock.base.values")

local replies = {}

---- What goes wrong -----------------------------------------------------------

-- As the network would say it: libcurl's code, and how far the request came.
local FAILURES = {
  resolve = { "CURLE_COULDNT_RESOLVE_HOST", "resolve" },
  connect = { "CURLE_COULDNT_CONNECT", "connect" },
  proxy = { "CURLE_COULDNT_RESOLVE_PROXY", "connect" },
  tls = { "CURLE_PEER_FAILED_VERIFICATION", "tls" },
  timeout = { "CURLE_OPERATION_TIMEDOUT", "wait" },
  closed = { "CURLE_RECV_ERROR", "wait" },
  protocol = { "CURLE_WEIRD_SERVER_REPLY", "wait" },
  too_large = { "CURLE_FILESIZE_EXCEEDED", "receive" },
}

local rows                            -- of libcurl's codes, by their names

local function row_of(code)
  if rows == nil then
    rows = {}
    for _, row in ipairs(core.error_table()) do
      rows[row.code] = row
    end
  end
  return rows[code]
end

--- The error of this kind.
-- @param began boolean: of an answer that had begun
local function failure(kind, request, began)
  local code, phase = FAILURES[kind][1], FAILURES[kind][2]
  code = began and kind == "closed" and "CURLE_PARTIAL_FILE" or code
  local row = row_of(code)
  return errors.new(kind, ("mock: %s"):format(kind), {
    code = code, number = row.number, phase = began and "receive" or phase,
    retryable = row.retryable and (errors.UNSENT[phase] or not is_once(request)),
    url = request:url(), attempts = 1,
  })
end

---- Checks --------------------------------------------------------------------

--- An answer.
-- @class multisock.Reply
-- @field status? integer 200
-- @field headers? table as of requests
-- @field body? string|table a list comes piece by piece, and a number in it is a wait of so many
-- seconds
-- @field json? any the body, as the option `json`
-- @field delay? number|table seconds before it answers; `{least, most}`: by chance
-- @field fail? string there is no answer but an error of this kind: `resolve connect proxy tls
-- timeout closed protocol too_large`
-- @field at? integer with `fail`: there is one, and its body breaks off after so many bytes

local FIELDS = {
  status = true, headers = true, body = true, json = true, delay = true, fail = true, at = true,
}
replies.fields = FIELDS

local function check_delay(where, delay)
  if delay ~= nil and not checks.is_seconds(delay) and not (type(delay) == "table" and #delay == 2
    and checks.is_seconds(delay[1]) and checks.is_seconds(delay[2]) and delay[1] <= delay[2]
    and values.odd_key(delay) == nil) then
    checks.expected(where, "seconds, or {least, most},", delay)
  end
end

local function check_body(where, body)
  if type(body) == "table" and values.odd_key(body) == nil then
    for i = 1, #body do
      if type(body[i]) ~= "string" and not checks.is_seconds(body[i]) then
        checks.expected(("%s[%d]"):format(where, i), "string, or seconds to wait,", body[i])
      end
    end
  elseif body ~= nil and type(body) ~= "string" then
    checks.expected(where, "string or list", body)
  end
end

local function check_headers(where, given)
  local ok, list = pcall(headers.to_list, given or {}, 0)
  if not ok then
    errors.misuse("mock: " .. where .. errors.unplaced(tostring(list)):gsub("^headers", ""))
  end
  return list
end

--- Checks the fields of an answer. @return a copy that has its body as it is sent
function replies.check_one(where, given)
  local self = {}
  for name in pairs(FIELDS) do
    self[name] = given[name]
  end
  checks.integer(where .. ".status", self.status, 100, 999)
  check_delay(where .. ".delay", self.delay)
  check_body(where .. ".body", self.body)
  checks.integer(where .. ".at", self.at, 0)
  self.headers = check_headers(where .. ".headers", self.headers)
  if self.fail ~= nil and not FAILURES[self.fail] then
    checks.expected(where .. ".fail", "one of " .. table.concat(values.sorted_keys(FAILURES), ", "),
      self.fail)
  elseif self.at and not self.fail then
    errors.misuse(("mock: %s.at: `fail` says what happens there"):format(where))
  elseif self.json ~= nil then
    if self.body ~= nil then
      errors.misuse(("mock: %s: `json` and `body` exclude each other"):format(where))
    end
    local ok, text = pcall(core.json_encode, self.json)
    if not ok then
      errors.misuse(("mock: %s.json: %s"):format(where, tostring(text)))
    end
    self.body, self.content_type = text, "application/json"
  end
  return self
end

local function check_reply(where, given)
  if type(given) == "function" then
    return given
  elseif type(given) ~= "table" then
    checks.expected(where, "table or function", given)
  end
  checks.fields(where, given, FIELDS)
  return replies.check_one(where, given)
end

--- Checks the answers of a route: one, a list, or a function.
-- @return list
function replies.check(where, given)
  if type(given) ~= "table" or given[1] == nil then
    return { check_reply(where, given == nil and {} or given) }
  end
  checks.list(where, given, "answers")
  local list = {}
  for i = 1, #given do
    list[i] = check_reply(("%s[%d]"):format(where, i), given[i])
  end
  return list
end

---- Waiting -------------------------------------------------------------------

local function timeout(request, name, phase, message)
  return errors.new("timeout", message:format(request.settings.timeout[name], name),
    { url = request:url(), phase = phase, attempts = 1, retryable = not is_once(request) })
end

--- Waits so many seconds, as long as the limit `name` allows, which is nil for none.
-- @return true; or nil, err
local function wait(request, seconds, name, limit, phase, message)
  local now = scheduler.now()
  local deadline = request.deadline or math.huge
  local late = limit and limit < seconds and name
  local stop = now + (late and limit or seconds)
  if deadline < stop then
    late, stop = "total", deadline
  end
  if stop > now and not pause.wait_until(request.client, stop) then
    return nil, pause.closed_error(request, 1)
  elseif late then
    return nil, timeout(request, late, phase, message)
  end
  return true
end

--- How long this delay is, by chance where it has a range.
-- @param delay seconds, {least, most}, or nil @param number function: 0 to 1
function replies.seconds(delay, number)
  if type(delay) == "table" then
    return delay[1] + (delay[2] - delay[1]) * number()
  end
  return delay or 0
end

--- Waits until a server would have answered, the limits of the request permitting.
-- @return true; or nil, err
function replies.wait(request, seconds)
  if seconds == 0 then
    return true
  end
  return wait(request, seconds, "first_byte", request.settings.timeout.first_byte, "wait",
    "no answer within %g s (timeout.%s)")
end

---- Responses -----------------------------------------------------------------

-- A body of pieces, between which a server waits.
local function pieces(list, request)
  local i = 0
  -- As over the network: that of a stream has to be asked for.
  local timeouts = request.settings.timeout
  local idle = request.settings.buffer and timeouts.idle or rawget(timeouts, "idle")
  return function()
    i = i + 1
    while type(list[i]) == "number" do
      local ok, err = wait(request, list[i], "idle", idle, "receive",
        "nothing arrived for %g s (timeout.%s)")
      if not ok then
        return nil, err
      end
      i = i + 1
    end
    return list[i]
  end
end

local BODILESS = { [204] = true, [304] = true }

-- What a server says beside what the program has it say.
local function complete_fields(reply, text)
  local fields, list = {}, reply.headers
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    fields[name] = fields[name] or {}
    table.insert(fields[name], value)
  end
  if reply.content_type and not headers.find(list, "Content-Type") then
    fields["Content-Type"] = reply.content_type
  end
  if text and not headers.find(list, "Content-Length")
    and not headers.find(list, "Transfer-Encoding") then
    fields["Content-Length"] = tostring(#text)
  end
  return fields
end

--- Makes the response that a checked answer stands for.
-- @param request the request as this package has it
-- @return response; or nil, err
function replies.make(reply, request)
  if reply.fail and not reply.at then
    return nil, failure(reply.fail, request)
  end
  local status, body = reply.status or 200, reply.body or ""
  local text = type(body) == "string" and not BODILESS[status] and body or nil
  if request.method == "HEAD" or BODILESS[status] then
    body = ""
  end
  local response = made.new(text == body and text or type(body) == "table" and pieces(body, request)
    or body, { status = status, headers = complete_fields(reply, text), url = request:url() })
  if reply.at then
    return replies.cut(response, request, reply.at, reply.fail)
  end
  return response
end

--- Cuts a response off after so many bytes of its body.
function replies.cut(response, request, at, kind)
  local left, err = at, failure(kind, request, true)
  return made.new(function()
    if left == 0 then
      return nil, err
    end
    local piece, earlier = response:read()       -- as it comes
    if piece == nil then
      return nil, earlier or err
    end
    piece = piece:sub(1, left)
    left = left - #piece
    return piece
  end, { status = response.status, headers = response.headers, url = response.url })
end

return replies
