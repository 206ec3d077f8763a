-- Share handles of Lua-cURLv3 on those of multisock.core.
local core = require("multisock.core")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local object = require("lcurl.object")
local options = require("lcurl.options")

local share = {}

local values = constants.values
local bad_argument, type_name = object.bad_argument, object.type_name

-- What may be shared, by LOCK_DATA_ number.
local kinds = {}
for _, name in ipairs({ "COOKIE", "DNS", "SSL_SESSION", "CONNECT", "PSL", "HSTS" }) do
  kinds[values["LOCK_DATA_" .. name]] = name:lower()
end

local verbs = {
  share = "share", unshare = "unshare",
  [values.OPT_SHARE_SHARE] = "share", [values.OPT_SHARE_UNSHARE] = "unshare",
}

local function set(state, self, verb, where, value)
  if type(value) ~= "number" then
    bad_argument(where, 1, "number expected, got " .. type_name(value))
  end
  local kind = kinds[object.integer(value)]
  if not kind then
    return errors.fail(state, "CURL-SHARE", values.E_SHARE_BAD_OPTION, tostring(value))
  end
  local ok, err = state.core:setopt(verb, kind)
  if not ok then
    return errors.deliver(state, errors.convert("CURL-SHARE", err))
  end
  return self
end

local methods = {}

function methods.setopt(state, self, key, value)
  if type(key) == "table" then
    return options.apply(self, key, function(name, item)
      return methods.setopt(state, self, name, item)
    end)
  end
  local verb = verbs[key]
  if not verb then
    return errors.fail(state, "CURL-SHARE", values.E_SHARE_BAD_OPTION, tostring(key))
  end
  return set(state, self, verb, "setopt", value)
end

function methods.setopt_share(state, self, value)
  return set(state, self, "share", "setopt_share", value)
end

function methods.setopt_unshare(state, self, value)
  return set(state, self, "unshare", "setopt_unshare", value)
end

--- Easies that use it keep what they share.
function methods.close(state)
  if state.closed then return end
  state.closed = true
  state.core:close()
end

share.class = object.class("LcURL Share", methods)

--- @param mode string "raise" or "return"
-- @param settings table|nil
function share.new(mode, settings)
  local handle, err = core.share()
  local state = { mode = mode, core = handle }
  if not handle then
    return errors.deliver(state, errors.convert("CURL-SHARE", err))
  end
  return options.start(share.class, methods, state, settings)
end

return share
