-- The objects of lcurl are userdata, as those of Lua-cURLv3
-- are; what they know is in a table, their state, that only these files see.
local core = require("multisock.core")
local native = require("lcurl.native")
local pairs = require("lcurl.pairs")

local object = {}

object.unpack = table.unpack or unpack
object.pack = table.pack or function(...)
  return { n = select("#", ...), ... }
end

-- Where these modules are: "@.../lcurl/object.lua" and its neighbours.
local folder = debug.getinfo(1, "S").source:match("^(@?.*)lcurl[/\\][^/\\]*$") or "@"

local function is_ours(info)
  local name = info.source:sub(1, #folder) == folder and info.source:sub(#folder + 1) or ""
  return name:find("^lcurl[/\\]") or name:find("^cURL[/\\]")
end

--- Raises about a wrong call, at the line of the program that made it.
-- @param message string
function object.misuse(message)
  local level = 2
  local info = debug.getinfo(level, "S")
  while info and (info.what == "C" or info.what == "tail" or is_ours(info)) do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error(message, info and level or 1)
end

local misuse = object.misuse

--- Raises about an argument.
-- @param name string the method
-- @param position integer counted without self
-- @param message string
function object.bad_argument(name, position, message)
  misuse(("bad argument #%d to '%s' (%s)"):format(position, name, message))
end

local bad_argument = object.bad_argument

--- The name of a value's type as error messages show it.
function object.type_name(value)
  if value == core.null then return "null" end
  return type(value)
end

local function address(state)
  return tostring(state):match("0x%x+") or tostring(state):match(": (.*)$")
end

--- Makes a class.
-- @param name string such as "LcURL Easy"
-- @param methods table of function(state, self, ...); `methods.close` or
-- `methods.free` also runs at collection
-- @param options table|nil `lookup(name)`: makes a method on demand, or nil;
-- `closed`: the word for the state after its end; `tostring(state, text)`
-- @return table class with `new(state)`, and `state(object)`, nil for others
function object.class(name, methods, options)
  options = options or {}
  local closed = options.closed or "closed"
  local class, bound = { name = name }, {}
  local state_of

  -- A method checks that its object is one, and not closed: misuse raises.
  local function bind(key, method, ending)
    return function(self, ...)
      local state = state_of(self)
      if not state then
        bad_argument(key, 1, ("%s object expected, got %s"):format(name, object.type_name(self)))
      elseif state.closed and not ending then
        misuse(("%s: the %s object is %s"):format(key, name, closed))
      end
      return method(state, self, ...)
    end
  end

  local function index(_, key)
    local method = bound[key]
    if method == nil and options.lookup and type(key) == "string" then
      method = options.lookup(key)
      method = method and bind(key, method)
      bound[key] = method
    end
    return method
  end

  local ending = methods.close or methods.free or methods.cleanup
  for key, method in pairs(methods) do
    bound[key] = bind(key, method, method == ending)
  end

  local function collect(self)
    local state = state_of(self)
    if state and ending then
      -- An error here would only be a warning of the collector's.
      pcall(ending, state, self)
    end
  end

  local function describe(self)
    local state = state_of(self)
    local text = ("%s (%s)"):format(name, address(state))
    if state.closed then
      return text .. " (" .. closed .. ")"
    end
    return options.tostring and options.tostring(state, text) or text
  end

  class.new, state_of = native.proxy_type({
    __index = index, __gc = collect, __close = collect, __tostring = describe,
    __name = name, __type = name, __eq = options.eq, __metatable = options.metatable,
  })
  class.state = state_of

  --- The state of an argument; raises when it is of another type or closed.
  function class.check(method, position, value)
    local state = state_of(value)
    if not state then
      bad_argument(method, position,
        ("%s object expected, got %s"):format(name, object.type_name(value)))
    elseif state.closed then
      bad_argument(method, position, ("the %s object is %s"):format(name, closed))
    end
    return state
  end

  return class
end

--- The methods of a value that the program keeps with an object.
function object.set_data(state, self, value)
  state.data = value
  return self
end

function object.get_data(state)
  return state.data
end

--- A text argument: a string, or a number as Lua writes it.
-- @return string
function object.check_string(method, position, value)
  if type(value) == "number" then
    return tostring(value)
  elseif type(value) ~= "string" then
    bad_argument(method, position, "string expected, got " .. object.type_name(value))
  end
  return value
end

-- Since Lua 5.3; a library may have added math.tointeger to earlier ones.
local to_integer = tostring(1.0) == "1.0" and math.tointeger

--- A number for an integer of libcurl's. Before Lua 5.3 a fraction is cut off,
-- as C does; later ones leave it to be refused. Other values stay what they are.
function object.integer(value)
  if type(value) ~= "number" or value ~= value then
    return value
  elseif to_integer then
    return to_integer(value) or value
  end
  return value < 0 and math.ceil(value) or math.floor(value)
end

return object
