-- Error objects with a category and a number, and the two ways in which they
-- reach the program: raised, or returned after nil.
local native = require("lcurl.native")
local constants = require("lcurl.constants")
local object = require("lcurl.object")

local errors = {}

-- Of forms and URLs the name is the text.
local interfaces = {
  ["CURL-EASY"] = "easy", ["CURL-MULTI"] = "multi", ["CURL-SHARE"] = "share",
}

local function mnemonic(state)
  return constants.names[state.category][state.number] or "UNKNOWN"
end

local function text(state)
  local interface = interfaces[state.category]
  return interface and native.strerror(interface, state.number) or mnemonic(state)
end

local function number(state) return state.number end
local function category(state) return state.category end

local methods = {
  no = number, name = mnemonic, mnemo = mnemonic, msg = text, cat = category, category = category,
}

--- What libcurl wrote to its error buffer: which host, which port, why. nil
-- when it wrote nothing.
function methods.detail(state) return state.detail end

--- What a callback raised, or returned after nil, where that ended a transfer
-- of a multi handle.
function methods.cause(state) return state.cause end

local function summary(state)
  return ("[%s][%s] %s (%d)"):format(
    state.category, mnemonic(state), text(state), state.number)
end

local function describe(state)
  local line = summary(state)
  local more = state.cause ~= nil and tostring(state.cause) or state.detail
  return more and line .. ": " .. more or line
end

local class
class = object.class("LcURL Error", methods, {
  tostring = describe,
  eq = function(one, other)
    local a, b = class.state(one), class.state(other)
    return a ~= nil and b ~= nil and a.number == b.number and a.category == b.category
  end,
})

errors.class = class

--- Makes an error object.
-- @param kind string "CURL-EASY", "CURL-MULTI", "CURL-SHARE", "CURL-FORM" or "CURL-URL"
-- @param code integer
-- @param detail string|nil
-- @param cause any
function errors.new(kind, code, detail, cause)
  return class.new({ category = kind, number = code, detail = detail, cause = cause })
end

--- curl.error(category, number), for comparing.
function errors.create(kind, code)
  if not constants.names[kind] then
    object.bad_argument("error", 1, ("invalid category '%s'"):format(tostring(kind)))
  end
  if type(code) ~= "number" or code % 1 ~= 0 then
    object.bad_argument("error", 2, "integer expected, got " .. object.type_name(code))
  end
  return errors.new(kind, code)
end

-- Lua 5.1 and LuaJIT print only strings that nobody catches, so Lua-cURLv3
-- raises those there, and scripts compare them: no detail is added.
local raises_texts = _VERSION == "Lua 5.1"

--- Raises an error object, or its line where that is what scripts expect.
function errors.raise(err)
  error(raises_texts and summary(class.state(err)) or err, 0)
end

--- Ends a method with an error object: raises it, or returns nil and it.
-- @param state table of the object, for its `mode`: "raise" or "return"
function errors.deliver(state, err)
  if state.mode == "return" then
    return nil, err
  end
  return errors.raise(err)
end

--- The same with a category and a number.
function errors.fail(state, kind, code, detail)
  return errors.deliver(state, errors.new(kind, code, detail))
end

--- An error of multisock.core as one of this kind.
function errors.convert(kind, err)
  if type(err) ~= "table" or type(err.number) ~= "number" then
    -- Only the end of a handle within its own callback has no number.
    return errors.new("CURL-EASY", constants.values.E_ABORTED_BY_CALLBACK, tostring(err))
  end
  local detail = err.message
  local interface = interfaces[kind]
  if interface and native.strerror(interface, err.number) == detail then
    detail = nil
  end
  return errors.new(kind, err.number, detail)
end

return errors
