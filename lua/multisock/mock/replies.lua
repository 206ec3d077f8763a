-- What the routes of a mock answer with: checked, and made a response when it is asked for.
local checks = require("multisock.mock.checks")
local core = require("multisock.core")
local delays = require("multisock.mock.delays")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local is_once = require("multisock.request").is_once
local made = require("multisock.response.made")
local pairs = require("multisock.base.compat").pairs
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

--- Whether nothing of the request is sent, as the answer has it.
function replies.is_unsent(reply)
  return reply.fail ~= nil and reply.at == nil and errors.UNSENT[FAILURES[reply.fail][2]] == true
end

---- Checks --------------------------------------------------------------------

--- An answer.
-- @class multisock.Reply
-- @field status? integer 200
-- @field headers? table as of requests
-- @field body? string|table a list comes piece by piece, and a number in it is a silence of so
-- many seconds; `math.huge`: for ever
-- @field json? any the body, as the option `json`
-- @field delay? number|table seconds before it answers; `{least, most}`: by chance;
-- `math.huge`: never
-- @field connect? number|table as `delay`: seconds until the connection stands, before anything
-- of the request is sent
-- @field fail? string there is no answer but an error of this kind: `resolve connect proxy tls
-- timeout closed protocol too_large`
-- @field at? integer with `fail`: there is one, and its body breaks off after so many bytes

local FIELDS = {
  status = true, headers = true, body = true, json = true, delay = true, connect = true,
  fail = true, at = true,
}
replies.fields = FIELDS

local function check_delay(where, delay)
  if delay ~= nil and not checks.is_wait(delay) and not (type(delay) == "table" and #delay == 2
    and checks.is_seconds(delay[1]) and checks.is_seconds(delay[2]) and delay[1] <= delay[2]
    and values.odd_key(delay) == nil) then
    checks.expected(where, "seconds, or {least, most},", delay)
  end
end

local function check_body(where, body)
  if type(body) == "table" and values.odd_key(body) == nil then
    for i = 1, #body do
      if type(body[i]) ~= "string" and not checks.is_wait(body[i]) then
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
  check_delay(where .. ".connect", self.connect)
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

---- Responses -----------------------------------------------------------------

--- A body of pieces, between which a server waits: by its own clock, whoever reads.
-- @param came table: `source`, what reads it, is put there
local function pieces(list, request, came)
  local i, at = 0, scheduler.now()
  return function()
    i = i + 1
    while type(list[i]) == "number" do
      i, at = i + 1, at + list[i]
    end
    if at > scheduler.now() then
      -- As over the network: that of a stream has to be asked for.
      local timeouts = request.settings.timeout
      local idle = came.source.buffering and timeouts.idle or rawget(timeouts, "idle")
      local ok, err = delays.wait_until(request, at, "idle", idle, "receive", true)
      if not ok then
        return nil, err
      end
    end
    return list[i]
  end
end

-- When all of it has come; nil: never.
local function end_of(list)
  local at = scheduler.now()
  for i = 1, #list do
    at = at + (type(list[i]) == "number" and list[i] or 0)
  end
  return at < math.huge and at or nil
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
  local came = {}
  local response = made.new(text == body and text or type(body) == "table"
    and pieces(body, request, came) or body,
    { status = status, headers = complete_fields(reply, text), url = request:url() })
  came.source = response._transfer
  if type(body) == "table" then
    came.source.ends_at = end_of(body)
  end
  if reply.at then
    return replies.cut(response, request, reply.at, reply.fail)
  end
  return response
end

--- Cuts a response off after so many bytes of its body.
function replies.cut(response, request, at, kind)
  local left, err = at, failure(kind, request, true)
  local whole, cut = response._transfer, nil
  cut = made.new(function()
    if left == 0 then
      return nil, err
    elseif whole then
      whole.buffering = cut._transfer.buffering
    end
    local piece, earlier = response:read()       -- as it comes
    if piece == nil then
      return nil, earlier or err
    end
    piece = piece:sub(1, left)
    left = left - #piece
    return piece
  end, { status = response.status, headers = response.headers, url = response.url })
  cut._transfer.ends_at = whole and whole.ends_at
  return cut
end

return replies
