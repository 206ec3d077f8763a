-- Easy handles. One that has served a request waits with its origin, beside the
-- multi that has its connection (in the origin's limiter, limiter.c). For a plain request
-- after a plain one it needs nothing but the URL.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local lookups = require("multisock.connection.lookups")
local pairs = compat.pairs
local pool = require("multisock.connection.pool")
local setup = require("multisock.request.setup")

local handles = {}

-- In which version of HTTP/1 an origin is asked, whatever else it may offer. Once TLS
-- has agreed on HTTP/1.1, all later requests are sent in that alone, where libcurl
-- would believe an answer that says HTTP/2.
local function version_of(origin)
  return origin.http1
    or pool.keeps_apart and origin.tls and origin.limiter:version() == "h1" and "1.1" or nil
end

local function set_version(easy, http1)
  return easy:setopt("http_version", setup.HTTP_VERSION[http1])
end

-- `http1`: in this version, whatever the profile says. `pin`: to these addresses.
local function configure(easy, profile, scheme, base, http1, pin)
  local given = profile.settings
  local ok, err = setup.apply(easy, given, base, scheme)
  if ok and http1 then
    ok, err = set_version(easy, http1)
  end
  if ok and pin then
    ok, err = setup.apply_pin(easy, pin, given)
  end
  return ok and true, err
end

-- The same on a stack of its own: it goes deep, and the stack of a task keeps the
-- room that it needed once, ten thousand times when so many tasks wait. Between
-- two calls it holds on to nothing.
local configure_aside = compat.wrap(function(easy, profile, scheme, base, http1, pin)
  while true do
    local fine, ok, err = pcall(configure, easy, profile, scheme, base, http1, pin)
    easy, profile, base = nil, nil, nil -- luacheck: ignore 311
    easy, profile, scheme, base, http1, pin = compat.yield(fine, ok, err)
  end
end)

-- Whether a copy of a handle with these raw options is as good as one on which
-- they were set: what is a number is.
local function can_copy(raw)
  for _, value in pairs(raw or {}) do
    if type(value) ~= "number" then
      return false
    end
  end
  return true
end

-- A handle of a profile that is never used: the others become its clones, without a
-- detour through Lua. False where that cannot be.
local function model_of(client, profile)
  local model = profile.model
  if model == nil then
    model = not profile.once and can_copy(profile.raw) and core.easy():collect()
    if model then
      local fine, ok = configure_aside(model, profile, nil, client.settings)
      if not fine or not ok or not pcall(model.clone, model) then
        model:close()
        model = false               -- setting up the handle itself tells what is wrong
      end
    end
    profile.model = model
  end
  return model
end

-- `name`: as name_of says it.
-- `single`: there is one address to connect to, or one of each family.
local function share_names(easy, name, single)
  easy:gather("asks", name and true or false)
  easy:gather("single", single)
  if name then
    easy:setopt("share", lookups.share())
  end
end

--- Closes a handle for good.
function handles.close(client, origin, easy, multi)
  origin.limiter:drop(easy)
  if not client.closed then
    client.pool:unassign(multi)
  end
  easy:close()
end

-- A fresh handle, and the multi that it belongs to. `multi`: where it finds a connection, or
-- nil. Last, whether it is set up.
local function make(client, origin, request, multi)
  local http1 = version_of(origin)
  local model = request.target.web and not origin.pin
    and model_of(client, request.settings.profile)
  local easy = model and model:clone() or core.easy():collect()
  multi = client.pool:assign(http1 ~= nil or origin.limiter:version() == "h1", origin.parses,
    origin.trust, multi, origin.apart)
  if origin.parses and not multi:is_warm() then
    easy:gather("heats", true)
  end
  if model and http1 then
    set_version(easy, http1)
  end
  return easy, multi, model
end

-- What it may not look up itself; nil or false: all it likes.
local function name_of(origin, request)
  local name = request.name
  if name == nil then
    name = origin.name
  end
  return name and not request.looks_up and name
end

--- A handle for this request, with everything set but its message, and its multi.
-- @return easy, multi; or nil, err when libcurl refuses a setting, with true when
-- that is misuse, to be raised
function handles.take(client, origin, request)
  local profile = request.settings.profile
  local easy, multi, ready = origin.limiter:pop(not request.looks_up and profile.number or 0)
  if ready == profile.number then
    return easy, multi
  elseif easy then
    easy:reset()
    easy:setopt("share", nil)       -- the names of others are not for each request
    ready = false
  else
    easy, multi, ready = make(client, origin, request, multi)
  end
  if not ready then
    local fine, ok, err = configure_aside(easy, profile, request.target.scheme, client.settings,
      version_of(origin), origin.pin)
    if not fine or not ok then
      handles.close(client, origin, easy, multi)
      return nil, fine and err or ok, not fine
    end
  end
  local given = request.settings
  share_names(easy, name_of(origin, request),
    request.target.numeric and not (origin.pin or given.connect_to or given.curl))
  return easy, multi
end

--- Keeps a handle for the next request to its origin.
-- @param number of its profile; 0: it has to be set up again
function handles.keep(client, origin, easy, multi, number)
  local http1 = version_of(origin)
  if client.closed or not client.pool:is_current(multi)
    or origin.http1 and client.pool:is_shared(multi)
    or not origin.limiter:keep(easy, multi, number) then
    handles.close(client, origin, easy, multi)
  elseif http1 and not origin.http1 then
    set_version(easy, http1)        -- it was not known when the handle was made
  end
end

--- Takes a handle back from a request that is through with it.
function handles.give_back(client, origin, request, easy, multi)
  local profile = request.settings.profile
  if client.closed or profile.once or request.looks_up or easy:is_last()
    or request.settings.doh_url then
    -- Raw options may have left cookies and the like in it, and libcurl 7.88
    -- loses memory when a handle is reset after a DoH lookup was cut off.
    handles.close(client, origin, easy, multi)
  else
    handles.keep(client, origin, easy, multi,
      not (easy:needs_reset() or request.marks) and profile.number or 0)
  end
end

--- Frees the handles of an origin that is forgotten, or whose client is closed, or
-- that is to be asked in another way.
function handles.forget(client, origin)
  local easy, multi = origin.limiter:pop()
  while easy do
    handles.close(client, origin, easy, multi)
    easy, multi = origin.limiter:pop()
  end
  origin.limiter:disown()
end

return handles
