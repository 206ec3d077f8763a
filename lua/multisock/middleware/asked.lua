-- A request as middleware and agents see it: plain fields that may be changed.
-- What becomes of a change is checked when the request goes on.
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local ROWS = require("multisock.request.options").rows
local netrc = require("multisock.request.netrc")
local permission = require("multisock.request.permission")
local request = require("multisock.request")
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local asked = {}

---- Header fields that can be set ---------------------------------------------

local LIST = {}                       -- the key of the list of {name, value}
local Fields = { __name = "multisock.fields" }
local methods = {}

--- All values of a name.
function methods:get_all(name)
  local all = {}
  for _, field in ipairs(self[LIST]) do
    if field[1]:lower() == name:lower() then
      all[#all + 1] = field[2]
    end
  end
  return all
end

--- Its values, joined by ", "; nil when there are none.
function methods:get(name)
  local all = self:get_all(name)
  return #all > 0 and table.concat(all, ", ") or nil
end

--- Iterates over name and value.
function methods:each()
  local list, i = self[LIST], 0
  return function()
    i = i + 1
    if list[i] then
      return list[i][1], list[i][2]
    end
  end
end

Fields.__pairs = methods.each

function Fields:__index(name)
  if methods[name] then
    return methods[name]
  end
  return type(name) == "string" and methods.get(self, name) or nil
end

-- Lists are the requests' own, and shared: never changed, only replaced.
local function to_list(given)
  local ok, list = pcall(headers.to_list, given, 0)
  if not ok then
    errors.misuse(list)
  end
  return list
end

function Fields:__newindex(name, value)
  local kept = {}
  for _, field in ipairs(self[LIST]) do
    if type(name) ~= "string" or field[1]:lower() ~= name:lower() then
      kept[#kept + 1] = field
    end
  end
  if value ~= nil then
    for _, field in ipairs(to_list({ [name] = value })) do
      kept[#kept + 1] = field
    end
  end
  rawset(self, LIST, kept)
end

---- The request -----------------------------------------------------------------

--- A request as middleware and agents see it; its fields may be changed before `next`.
-- @class multisock.Request
-- @field method string
-- @field url string user name and password removed; what is assigned may be relative to it
-- @field headers headers `request.headers["X-Name"] = value`, a list of values, or nil;
-- read as those of responses
-- @field body? any: a string, or what else the option `body` takes; of a body that is no
-- string what stands here is opaque
-- @field meta any: the option `meta`, or an empty table: to pass things on
-- @field attempt integer of `each_attempt` and agents: 1, 2, ...; only read
local Asked = { __name = "multisock.request" }
Asked.__index = Asked

--- @param made the request as this package has it
-- @param fields? list of {name, value}: in place of its own
function asked.new(made, fields)
  local body, url, list = made.body, made:url(), fields or made:fields()
  if made.content_type and not headers.find(list, "Content-Type") then
    list = headers.merge(list, { { "Content-Type", made.content_type } })
  end
  body = body and (body.bytes or body)
  return setmetatable({
    method = made.method, url = url, body = body, meta = made.meta or {},
    headers = setmetatable({ [LIST] = list }, Fields),
    attempt = made.attempt_count and made.attempt_count[1] or 1,
    _made = made, _url = url, _body = body,
  }, Asked)
end

--- Makes its body start again. A request that is sent a second time does so itself.
-- @return true; or nil, string: why not
function Asked:replay()
  return self._made:replay()
end

function Asked:__tostring()
  return ("multisock.request (%s %s)"):format(tostring(self.method),
    errors.redact_url(tostring(self.url)))
end

--- Whether this is such a request.
function asked.is(value)
  return getmetatable(value) == Asked
end

--- Raises unless it is.
function asked.check(what, value)
  if not asked.is(value) then
    errors.misuse(("%s: the request expected, got %s"):format(what, values.describe(value)))
  end
end

-- With a base_url what is for its origin goes to no other. What a middleware has set
-- itself does.
local function leave_origin(made, before)
  local known = {}
  for _, field in ipairs(before) do
    known[field] = true
  end
  strangers.estrange(made, known)
end

-- Another URL: checked as the first one was.
local function set_url(made, url, before)
  if type(url) ~= "string" then
    errors.misuse("request.url: string expected, got " .. values.describe(url))
  end
  local target, err = targets.resolve(made.target, url)
  if target == nil then
    return nil, err
  end
  local ok
  ok, err = permission.check(made.settings, target)
  if not ok then
    return nil, err
  end
  if made.client.base and target.origin ~= made.target.origin then
    leave_origin(made, before)
  end
  local elsewhere = target.origin ~= made.target.origin
  made.target = target
  if elsewhere and made.settings.netrc then
    ok, err = netrc.apply(made, true)
    if not ok then
      return nil, err
    end
  end
  made.simple, made.marks = false, made.marks or not target.web
  return true
end

local function checked(fn, ...)
  local ok, result = pcall(fn, ...)
  if not ok then
    errors.misuse("request: " .. tostring(result))
  end
  return result
end

--- What is to be sent: a request of its own each time, which knows nothing of how
-- the one before went.
-- @return request; or nil, err
function asked.seal(self)
  local made = self._made:clone()
  if self.method ~= made.method then
    made.method = checked(ROWS.method.check, "method", self.method)
  end
  local list, before = self.headers, made:fields()
  made.headers = getmetatable(list) == Fields and list[LIST] or to_list(list)
  made.meta = self.meta
  if self.url ~= self._url then
    local ok, err = set_url(made, self.url, before)
    if not ok then
      return nil, err
    end
  end
  if self.body ~= self._body then
    checked(request.replace_body, made, self.body)
    made.simple = false               -- not the shortest way: it is set up from its fields
  elseif self._sent then
    local ok, why = made:replay()
    if not ok then
      return nil, errors.new("closed", why, { url = self.url })
    end
  end
  self._sent = true
  return made
end

return asked
