-- Easy handles. One that has served a request waits with its host, beside the
-- multi that has its connection (in the host's gate, gate.c). For a plain request
-- after a plain one it needs nothing but the URL.
local compat = require("multisock.compat")
local core = require("multisock.core")
local lookups = require("multisock.lookups")
local pool = require("multisock.pool")
local request_module = require("multisock.request")
local settings = require("multisock.settings")

local handles = {}

-- In which version of HTTP/1 a host is asked, whatever else it may offer. Once TLS
-- has agreed on HTTP/1.1, all later requests are sent in that alone, where libcurl
-- would believe an answer that says HTTP/2.
local function version_of(host)
  return host.http1
    or pool.keeps_apart and host.tls and host.gate:version() == "h1" and "1.1" or nil
end

local function set_version(easy, http1)
  return easy:setopt("http_version", settings.HTTP_VERSION[http1])
end

-- `http1`: in this version, whatever the request asks for. `pin`: to these addresses.
local function configure(easy, request, http1, pin)
  local target = request.target
  local ok, err = settings.apply(easy, request.settings, request.client.settings,
    target and target.scheme)
  if ok and http1 then
    ok, err = set_version(easy, http1)
  end
  if ok and pin then
    ok, err = settings.apply_pin(easy, pin, request.settings)
  end
  if ok then
    ok, err = request_module.apply(easy, request)
  end
  return ok and true, err
end

-- The same on a stack of its own: it goes deep, and the stack of a task keeps the
-- room that it needed once, ten thousand times when so many tasks wait. Between
-- two calls it holds on to nothing.
local configure_aside = compat.wrap(function(easy, request, http1, pin)
  while true do
    local fine, ok, err = pcall(configure, easy, request, http1, pin)
    easy, request = nil, nil -- luacheck: ignore 311
    easy, request, http1, pin = compat.yield(fine, ok, err)
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

-- A handle that is set up for plain requests and never used: the others become
-- its twins, without a detour through Lua. False where that cannot be.
local function plain_model(client)
  local model = client.model
  if model == nil then
    model = can_copy(client.settings.curl) and core.easy():collect()
    if model then
      local fine, ok = configure_aside(model, client.plain_request)
      if not fine or not ok or not pcall(model.twin, model) then
        model:close()
        model = false               -- the long way tells what is wrong
      end
    end
    client.model = model
  end
  return model
end

-- `name`: what it may not look up itself; nil or false: all it likes.
local function share_names(easy, name)
  easy:gather("asks", name and true or false)
  if name then
    easy:setopt("share", lookups.share())
  end
end

--- Closes a handle for good.
function handles.close(client, host, easy, multi)
  host.gate:drop(easy)
  if not client.closed then
    client.pool:unassign(multi)
  end
  easy:close()
end

--- A handle for this request, with everything set but the URL, and its multi.
-- @return easy, multi; or nil, err when libcurl refuses a setting, with true when
-- that is misuse, to be raised
function handles.take(client, host, request)
  local easy, multi, prepared = host.gate:pop()
  local tls, http1 = host.tls, version_of(host)
  if prepared and request.is_plain then
    return easy, multi
  elseif easy then
    easy:reset()
    easy:setopt("share", nil)       -- the names of others are not for each request
  else
    local model = request.is_plain and not host.pin and plain_model(client)
    multi = client.pool:assign(http1 ~= nil or host.gate:version() == "h1", tls, host.trust)
    easy = model and model:twin() or core.easy():collect()
    if tls and not multi:is_warm() then
      easy:gather("heats", true)
    end
    if model then
      if http1 then
        set_version(easy, http1)
      end
      share_names(easy, host.name)
      return easy, multi
    end
  end
  local fine, ok, err = configure_aside(easy, request, http1, host.pin)
  if not fine or not ok then
    handles.close(client, host, easy, multi)
    return nil, fine and err or ok, not fine
  end
  easy:gather("multiplexed", host.gate:version() == "h2")
  local name = request.name
  if name == nil then
    name = host.name
  end
  share_names(easy, name and not request.looks_up and name)
  return easy, multi
end

--- Keeps a handle for the next request to its host.
-- @param prepared boolean: it can serve a plain one as it is
function handles.keep(client, host, easy, multi, prepared)
  local http1 = version_of(host)
  if client.closed or not client.pool:is_current(multi)
    or host.http1 and client.pool:is_shared(multi)
    or not host.gate:keep(easy, multi, prepared) then
    handles.close(client, host, easy, multi)
  elseif http1 and not host.http1 then
    set_version(easy, http1)        -- it was not known when the handle was made
  end
end

--- Frees the handles of a host that is forgotten, or whose client is closed, or
-- that is to be asked in another way.
function handles.forget(client, host)
  local easy, multi = host.gate:pop()
  while easy do
    handles.close(client, host, easy, multi)
    easy, multi = host.gate:pop()
  end
  host.gate:disown()
end

return handles
