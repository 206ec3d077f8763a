-- What the options that speak of several tries take: their rows, and how those of a
-- request are laid over its client's. What they do is in middleware/.
local compat = require("multisock.base.compat")
local headers = require("multisock.request.headers")
local next, pairs = compat.next, compat.pairs

--- @param basic table of the checks and makers of checks that options.lua has:
-- boolean, path, list, token, fields, size, expected
-- @return table of rows by option
return function(basic)
  local expected = basic.expected

  local function above(least, what)
    return function(name, value)
      if type(value) ~= "number" or value ~= value or value < least then
        expected(name, what, value)
      end
      return value
    end
  end

  -- What who does not say gets.
  local function defaults(rows)
    local default = {}
    for name, row in pairs(rows) do
      default[name] = row.default
    end
    return { __index = default }
  end

  local function duration(name, value)
    if type(value) ~= "number" or value ~= value or value <= 0 or value == math.huge then
      expected(name, "seconds above 0", value)
    end
    return value
  end

  local function limit(name, value)
    if value ~= math.huge and (not compat.is_integer(value) or value < 0) then
      expected(name, "integer of 0 or more", value)
    end
    return value
  end

  local function status_set(name, value)
    local set = {}
    if type(value) ~= "table" then
      expected(name, "list of statuses", value)
    end
    for key, status in pairs(value) do
      if not compat.is_integer(key) or not compat.is_integer(status) or status < 400
        or status > 999 then
        expected(("%s[%s]"):format(name, tostring(key)), "status of 400 or more", status)
      end
      set[status] = true
    end
    return set
  end

  local function method_set(name, value)
    local set = {}
    for i, method in ipairs(basic.list(name, value)) do
      set[basic.token(("%s[%d]"):format(name, i), method)] = true
    end
    return set
  end

  local function backoff(name, value)
    if type(value) ~= "function" and (type(value) ~= "number" or value ~= value or value <= 0
      or value == math.huge) then
      expected(name, "seconds above 0, or function,", value)
    end
    return value
  end

  local function key_header(name, value)
    if value == true then
      return "Idempotency-Key"
    end
    if value ~= false and not headers.is_token(value) then
      expected(name, "boolean or name of a header", value)
    end
    return value
  end

  local function share(name, value)
    if type(value) ~= "number" or value ~= value or value <= 0 or value > 1 then
      expected(name, "number above 0, at most 1", value)
    end
    return value
  end

  local BREAKER = {
    ratio = { check = share, type = "number", default = 0.5,
      doc = "the share of failures that opens it" },
    min = { check = basic.size, type = "integer", default = 10,
      doc = "requests in `window` below which it does not open" },
    window = { check = duration, type = "number", default = 30, doc = "seconds that are counted" },
    open = { check = duration, type = "number", default = 5,
      doc = "seconds for which nobody is sent" },
  }
  local breaker_fields, breaker_default = basic.fields(BREAKER), defaults(BREAKER)

  local function breaker(name, value)
    if value == false then
      return false
    end
    return setmetatable(breaker_fields(name, value == true and {} or value), breaker_default)
  end

  local statuses, methods = { 408, 425, 429, 500, 502, 503, 504 },
    { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" }

  local RETRY = {
    limit = { check = limit, type = "integer", default = 2,
      doc = "tries after the first" },
    statuses = { check = status_set, type = "integer[]", default = status_set("", statuses),
      shown = "408, 425, 429, 500, 502, 503, 504", doc = "answers that are asked for again" },
    methods = { check = method_set, type = "string[]", default = method_set("", methods),
      shown = "GET, HEAD, PUT, DELETE, OPTIONS",
      doc = "of others only what the server has certainly not got is sent again" },
    backoff = { check = backoff, type = "number|fun(try: integer, response: multisock.Response?, "
      .. "err: multisock.Error?): number?", default = 0.5,
      doc = "seconds: before each retry a random time of at most so many, which double each time; "
        .. "or a function that says how long, nil: no more" },
    max_delay = { check = above(0, "seconds of 0 or more"), type = "number", default = 120,
      doc = "seconds that are waited at most; a server that asks for more is not asked again" },
    respect_retry_after = { check = basic.boolean, type = "boolean", default = true,
      doc = "heeds `Retry-After`, `retry-after-ms` and `x-should-retry` of an answer" },
    budget = { check = above(0, "number of 0 or more"), type = "number", default = 0.2,
      doc = "retries of a client in 10 s, as a share of its requests in these; 10 more are free, "
        .. "and so is what the server has asked for. `math.huge`: no limit" },
    idempotency_key = { check = key_header, type = "boolean|string", default = false,
      doc = "a header (`true`: `Idempotency-Key`) with one random key on all tries; POST and PATCH "
        .. "are sent again then, too" },
    breaker = { check = breaker, fields = BREAKER, type = "boolean|multisock.Breaker",
      default = false, doc = "`true`, or a table: does not ask an origin that fails too often" },
  }
  local retry_fields, with_default = basic.fields(RETRY), defaults(RETRY)

  --- @return false: never; or all fields
  local function retry(name, value)
    if value == false then
      return false
    elseif value == true then
      value = {}
    elseif type(value) == "number" then
      value = { limit = value }
    elseif type(value) ~= "table" then
      expected(name, "boolean, integer or table", value)
    end
    return setmetatable(retry_fields(name, value), with_default)
  end

  -- One level deep: what is not named is the client's.
  local function merge(base, given)
    for name, value in pairs(given and base or {}) do
      if rawget(given, name) == nil then
        given[name] = value
      end
    end
    return given
  end

  local function throttle_key(name, value)
    if value ~= "host" and value ~= "all" and type(value) ~= "function" then
      expected(name, '"host", "all" or function', value)
    end
    return value
  end

  local rate = { check = duration, type = "number", doc = "starts a second" }
  local adaptive_fields = basic.fields({ min = rate, max = rate })

  local function adaptive(name, value)
    local checked = adaptive_fields(name, value)
    if not (checked.min and checked.max and checked.min <= checked.max) then
      expected(name, "{min = , max = } with starts a second", value)
    end
    return checked
  end

  local THROTTLE = {
    limit = { check = basic.size, type = "integer",
      doc = "starts in any window of `per` seconds" },
    per = { check = duration, type = "number", default = 1, doc = "seconds" },
    burst = { check = basic.size, type = "integer", shown = "`limit`",
      doc = "starts that may follow each other at once; the rest is spread over the window" },
    key = { check = throttle_key, default = "host",
      type = '"host"|"all"|fun(request: multisock.Request): any, table?',
      doc = "what is counted together: each host, all, or what a function says; nil: not counted" },
    adaptive = { check = adaptive, type = "table",
      doc = "`{min = , max = }`, starts a second: faster while answers are good, half as fast "
        .. "after 429 and 503" },
  }
  local rule_fields = basic.fields(THROTTLE)

  local function rule(name, value)
    local checked = rule_fields(name, value)
    if checked.limit == nil and checked.adaptive == nil then
      expected(name .. ".limit", "integer of 1 or more", nil)
    end
    checked.per = checked.per or 1
    checked.limit = checked.limit or math.max(1, math.ceil(checked.adaptive.max * checked.per))
    checked.key = checked.key or "host"
    local steered = checked.adaptive or {}
    checked.name = ("%d|%g|%s|%s|%s|%s"):format(checked.limit, checked.per,
      tostring(checked.burst), tostring(checked.key), tostring(steered.min), tostring(steered.max))
    return checked
  end

  -- Returns false: never; or a list of rules.
  local function throttle(name, value)
    if value == false then
      return false
    elseif type(value) ~= "table" or next(value) == nil then
      expected(name, "false, table or list of tables", value)
    elseif value[1] == nil then
      local only = rule(name, value)
      return { only, adapts = only.adaptive ~= nil }
    end
    local rules = { adapts = false }
    for i = 1, #value do
      rules[i] = rule(("%s[%d]"):format(name, i), value[i])
      rules.adapts = rules.adapts or rules[i].adaptive ~= nil
    end
    return rules
  end

  local MODES = {
    ["default"] = true, ["no-store"] = true, ["reload"] = true, ["no-cache"] = true,
    ["force-cache"] = true, ["only-if-cached"] = true,
  }

  local CACHE = {
    path = { check = basic.path, type = "string",
      doc = "a folder, in place of memory; other processes may have the same" },
    max_size = { check = basic.size, type = "integer", shown = "32 MiB, of a folder 256 MiB",
      doc = "bytes of all answers; what was not used for the longest time goes. A body may have an "
        .. "eighth of it" },
    coalesce = { check = basic.boolean, type = "boolean", default = false,
      doc = "of requests that are equal, while the first one runs, no other is sent" },
  }
  local cache_fields = basic.fields(CACHE)

  --- @return false: none; or a table, with the mode in `mode`
  local function cache(name, value)
    if value == false then
      return false
    elseif value == true then
      return {}
    elseif MODES[value] then
      return { mode = value }
    elseif type(value) ~= "table" then
      expected(name, 'boolean, table, or "default", "no-store", "reload", "no-cache", '
        .. '"force-cache", "only-if-cached"', value)
    end
    return cache_fields(name, value)
  end

  return {
    cache = { check = cache, merge = merge, scope = "chain", fields = CACHE, default = false,
      type = 'boolean|multisock.Cache|"default"|"no-store"|"reload"|"no-cache"|"force-cache"|'
        .. '"only-if-cached"', shown = "`false`",
      doc = "keeps answers and gives them again while they are good: [cache.md](cache.md)" },
    throttle = { check = throttle, scope = "chain", fields = THROTTLE, default = false,
      type = "false|multisock.Throttle|multisock.Throttle[]", shown = "`false`",
      doc = "so many starts in a time, for each host: [resilience.md](resilience.md#throttling)" },
    retry = { check = retry, merge = merge, scope = "chain", fields = RETRY, default = false,
      type = "boolean|integer|multisock.Retry", shown = "`false`",
      doc = "sends again what failed: `true`, how often, or a table: "
        .. "[resilience.md](resilience.md#retries)" },
  }
end
