-- Multi handles of Lua-cURLv3 on those of multisock.core.
local core = require("multisock.core")
local callbacks = require("lcurl.callbacks")
local constants = require("lcurl.constants")
local easy = require("lcurl.easy")
local errors = require("lcurl.errors")
local object = require("lcurl.object")
local options = require("lcurl.options")
local pairs = require("lcurl.pairs")

local multi = {}

local values = constants.values
local bad_argument, type_name = object.bad_argument, object.type_name

local function fail(state, code, detail)
  return errors.fail(state, "CURL-MULTI", code, detail)
end

local function failed(state, err)
  return errors.deliver(state, errors.convert("CURL-MULTI", err))
end

-- Calls libcurl where it may call back: what a socket or timer callback raises
-- comes out here, and while it runs libcurl takes no other call.
local function drive(state, method, ...)
  state.depth = state.depth + 1
  local results = object.pack(pcall(state.core[method], state.core, ...))
  state.depth = state.depth - 1
  if not results[1] then
    error(results[2], 0)
  end
  return results[2], results[3]
end

local methods = {}

-- ---- Handles ----

function methods.add_handle(state, self, handle)
  local transfer = easy.class.check("add_handle", 1, handle)
  if transfer.multi then
    return fail(state, values.E_MULTI_ADDED_ALREADY)
  elseif transfer.performing then
    return fail(state, values.E_MULTI_BAD_EASY_HANDLE, "the handle is in perform")
  elseif state.depth > 0 then
    return fail(state, values.E_MULTI_RECURSIVE_API_CALL)
  end
  local ok, err = easy.begin(transfer)
  if not ok then
    return errors.deliver(state, errors.convert("CURL-EASY", err))
  end
  -- Before libcurl is told: its timer callback may look for the handle.
  transfer.multi, state.easies[transfer.core] = state, handle
  ok, err = drive(state, "add_handle", transfer.core)
  if not ok then
    transfer.multi, state.easies[transfer.core] = nil, nil
    return failed(state, err)
  end
  return self
end

local function take_out(state, transfer)
  drive(state, "remove_handle", transfer.core)
  transfer.multi, state.easies[transfer.core] = nil, nil
end

function methods.remove_handle(state, self, handle)
  local transfer = easy.class.check("remove_handle", 1, handle)
  if transfer.multi ~= state then
    return self
  elseif state.depth > 0 then
    return fail(state, values.E_MULTI_RECURSIVE_API_CALL)
  end
  take_out(state, transfer)
  return self
end

--- The next transfer that has ended.
-- @param remove boolean whether to take it out
-- @return handle, true; or handle, nil, err; or 0
function methods.info_read(state, _, remove)
  while true do
    local handle, ok, err = state.core:info_read()
    if not handle then
      return 0
    end
    local proxy = state.easies[handle]
    if proxy then
      local transfer = easy.class.state(proxy)
      if remove then
        take_out(state, transfer)
      end
      if ok then
        return proxy, true
      end
      return proxy, nil, easy.error(transfer, err)
    end
  end
end

-- ---- Driving ----

local function running(state, method, ...)
  if state.depth > 0 then
    return fail(state, values.E_MULTI_RECURSIVE_API_CALL)
  end
  local count, err = drive(state, method, ...)
  if not count then
    return failed(state, err)
  end
  return count
end

function methods.perform(state)
  return running(state, "perform")
end

--- Waits for a socket, for as long as libcurl's timer says without `ms`.
function methods.wait(state, _, ms)
  if ms == nil then
    ms = state.core:timeout()
  elseif type(ms) ~= "number" then
    bad_argument("wait", 1, "number expected, got " .. type_name(ms))
  end
  if not ms or ms < 0 then
    ms = 1000
  end
  return running(state, "wait", object.integer(ms))
end

--- Milliseconds until the timer is due; -1: never.
function methods.timeout(state)
  local ms, err = state.core:timeout()
  if err then
    return failed(state, err)
  end
  return ms or -1
end

local masks = { [0] = nil, "in", "out", "inout", "err", "err", "err", "err" }

function methods.socket_action(state, _, fd, mask)
  if fd == nil or fd == values.SOCKET_TIMEOUT then
    return running(state, "socket_action")
  elseif type(fd) ~= "number" then
    bad_argument("socket_action", 1, "number expected, got " .. type_name(fd))
  elseif type(mask) ~= "number" or mask % 1 ~= 0 or mask < 0 or mask > 7 then
    bad_argument("socket_action", 2, "sum of CSELECT_ flags expected")
  end
  return running(state, "socket_action", math.floor(fd), masks[mask])
end

-- ---- Options ----

local polls = {
  none = values.POLL_NONE, ["in"] = values.POLL_IN, out = values.POLL_OUT,
  inout = values.POLL_INOUT, remove = values.POLL_REMOVE,
}

local makers = {
  timerfunction = { "timer", function(_, fn)
    return function(ms)
      fn(ms or -1)
    end
  end },
  socketfunction = { "socket", function(state, fn)
    return function(handle, fd, what)
      -- libcurl's own transfers, such as those of DNS over HTTPS, have none.
      fn(handle and state.easies[handle], fd, polls[what])
    end
  end },
}

local function set_callback(state, self, name, where, ...)
  local maker = makers[name]
  local fn = callbacks.bind(maker[1], where, 1, ...)
  local ok, err = state.core:setopt(name, fn and maker[2](state, fn))
  if not ok then
    return failed(state, err)
  end
  return self
end

-- Pipelining of HTTP/1 is gone from libcurl since 7.62: it takes these options
-- and does nothing.
local ignored = {
  pipelining_site_bl = "table", pipelining_server_bl = "table",
  content_length_penalty_size = "number", chunk_length_penalty_size = "number",
}

local function set(state, self, name, where, ...)
  local value = ...
  if makers[name] then
    return set_callback(state, self, name, where, ...)
  elseif ignored[name] then
    if type(value) ~= ignored[name] and value ~= core.null then
      bad_argument(where, 1, ignored[name] .. " expected, got " .. type_name(value))
    end
    return self
  elseif type(value) ~= "number" and type(value) ~= "boolean" then
    bad_argument(where, 1, "number or boolean expected, got " .. type_name(value))
  end
  local ok, err = state.core:setopt(name, object.integer(value))
  if not ok then
    return failed(state, err)
  end
  return self
end

local function find(key)
  local name = constants.multi_options[key]
  if type(name) == "number" then
    return key
  end
  return name
end

function methods.setopt(state, self, key, ...)
  if type(key) == "table" then
    return options.apply(self, key, function(name, value)
      return methods.setopt(state, self, name, value)
    end)
  end
  local name = find(key)
  if not name then
    return fail(state, values.E_MULTI_UNKNOWN_OPTION, tostring(key))
  end
  return set(state, self, name, "setopt", ...)
end

local function lookup(key)
  local name = key:match("^setopt_([%l_]+)$")
  if name and find(name) then
    return function(state, self, ...)
      return set(state, self, name, key, ...)
    end
  end
end

-- ---- Life ----

methods.setdata, methods.getdata = object.set_data, object.get_data

--- Takes out all transfers and closes all connections.
function methods.close(state)
  if state.closed then
    return
  elseif state.depth > 0 then
    return fail(state, values.E_MULTI_RECURSIVE_API_CALL)
  end
  state.closed = true
  for _, handle in pairs(state.easies) do
    easy.class.state(handle).multi = nil
  end
  state.easies, state.data = {}, nil
  drive(state, "close")
end

multi.class = object.class("LcURL Multi", methods, { lookup = lookup })

--- @param mode string "raise" or "return"
-- @param settings table|nil
function multi.new(mode, settings)
  local handle, err = core.multi()
  local state = { mode = mode, core = handle, easies = {}, depth = 0 }
  if not handle then
    return failed(state, err)
  end
  return options.start(multi.class, methods, state, settings)
end

return multi
