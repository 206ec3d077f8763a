-- Settings: the options of a request laid over those of its client, and these over the
-- defaults; and what follows from them.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local option_list = require("multisock.request.options")
local profiles = require("multisock.request.profiles")
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local next, pairs = compat.next, compat.pairs
local rows, defaults = option_list.rows, option_list.defaults

-- Where header lines of requests are kept; and where none are.
local NO_LINES = {}

local settings = { NO_LINES = NO_LINES }

-- Whether nothing has to be done in Lua while a request runs, nor before its handle
-- serves another one.
local function is_simple(given)
  return not (given.progress or given.profile.once or given.doh_url)
end

-- What of multisock's own stands in its way, as a number; false: nothing. See chain.lua.
local function detours_of(given)
  local sum = (given.cookies and 1 or 0) + (given.cache and 2 or 0) + (given.retry and 4 or 0)
    + (given.throttle and 8 or 0)
  return sum > 0 and sum
end

-- The limits as C takes them.
local function add_limits(given)
  local timeouts = given.timeout
  given.total, given.attempt = timeouts.total or false, timeouts.attempt or false
  given.limits = core.limits(timeouts.total, timeouts.connect, timeouts.first_byte,
    given.high_water, given.max_headers, given.max_body,
    timeouts.idle)
end

local function check_table(options)
  if type(options) ~= "table" then
    error("options: table expected, got " .. values.describe(options), 0)
  end
end

local function unknown(name)
  error("unknown option " .. errors.quote(name) .. suggest.hint(name, rows, suggest.ELSEWHERE), 0)
end

-- Timeouts that name some, over those of the base.
local function lay_timeouts(base, timeouts)
  for name, value in pairs(base.timeout) do
    if timeouts[name] == nil then
      timeouts[name] = value
    end
  end
  return setmetatable(timeouts, getmetatable(base.timeout))
end

-- The settings with these changes, which are checked.
local function lay_over(base, changes, handle_changes, limits_change)
  setmetatable(changes, base.inherited)
  changes.detours = detours_of(changes)
  if changes.progress or handle_changes then
    if handle_changes then
      changes.profile = base.profiles:find(changes)
    end
    changes.simple = is_simple(changes)
  end
  if limits_change then
    add_limits(changes)
  end
  return changes
end

-- Settings with another limit in all, the usual change, are kept for a while: most
-- requests of a client have the same.
local MOST_TOTALS = 64

local function keep_total(totals, total, given)
  if totals.count >= MOST_TOTALS then
    totals.known, totals.count = {}, 0
  end
  totals.known[total], totals.count = given, totals.count + 1
  given.inherited = { __index = given }
  return given
end

--- The settings of a request: its options, checked, over those of its client. What is
-- its own is left to init.lua.
-- @return table not to be changed, which others may have, too
-- @raise naming the option and its value, at level 0
function settings.derive(base, options)
  check_table(options)
  local changes, changed, handle_changes, limits_change = nil, 0, false, false
  for name, value in pairs(options) do
    local row = rows[name] or unknown(name)
    if row.own then                                     -- luacheck: ignore 542
      -- Nothing of it is here.
    elseif name == "timeout" and base.totals.known[value] then
      base = base.totals.known[value]
    else
      changes, changed = changes or {}, changed + 1
      value = row.check(name, value)
      changes[name] = row.merge and row.merge(base[name], value) or value
      local scope = row.scope
      handle_changes = handle_changes or scope == "handle"
        or row.part and (row.part(value) or row.part(base[name]))
      limits_change = limits_change or scope == "limit"
      if row.lines then
        changes.lines = NO_LINES    -- what is kept of the base's is not for these
      end
    end
  end
  if changes == nil then
    return base
  end
  local timeouts = changes.timeout
  if timeouts then
    lay_timeouts(base, timeouts)
  end
  local given = lay_over(base, changes, handle_changes, limits_change)
  if timeouts and changed == 1 and type(options.timeout) == "number" then
    return keep_total(base.totals, options.timeout, given)
  end
  return given
end

--- The settings of a client: its options, checked, over the defaults. Reading one is
-- a single table access.
-- @raise naming the option and its value, at level 0
function settings.of_client(options)
  check_table(options)
  local flat, own = {}, {}
  for name, value in pairs(defaults) do
    flat[name] = value
  end
  for name, value in pairs(options) do
    local row = rows[name] or unknown(name)
    flat[name] = row.check(name, value)
    if row.own and name ~= "headers" then
      own[name] = flat[name]
    end
  end
  if options.timeout ~= nil then
    lay_timeouts(defaults, flat.timeout)
  end
  flat.own = next(own) and own
  flat.inherited = { __index = flat }
  flat.totals = { known = {}, count = 0 }
  -- Header lines of its requests, see header_lines.lua. A signature is for one request.
  flat.lines = flat.auth and flat.auth.aws_sigv4 and NO_LINES or {}
  flat.profiles = profiles.new(flat, rows)
  flat.profile = flat.profiles:find(flat)
  flat.simple, flat.detours = is_simple(flat), detours_of(flat)
  add_limits(flat)
  return flat
end

--- The settings of a request with these changes, which are not checked.
-- @param changes table by name, false for what goes
function settings.with(given, changes)
  local derived = setmetatable(changes, { __index = given })
  derived.lines = NO_LINES
  derived.profile = given.profiles:find(derived)
  derived.simple, derived.detours = is_simple(derived), detours_of(derived)
  return derived
end

return settings
