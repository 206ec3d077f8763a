-- Runs the test suite of Lua-cURLv3, from a checkout of it, on the binding that
-- LCURL_BINDING names: "multisock" (lcurl/) or "original". The
-- modules that the suite needs and Debian lacks are stood in for here: lunit,
-- path and dkjson. script/lcurl-suite calls this.
local folder = assert(arg[1], "usage: lcurl_suite.lua FOLDER")
local binding = os.getenv("LCURL_BINDING") or "multisock"
local unpack = table.unpack or unpack -- luacheck: ignore 143 113

local function preload(name, source)
  package.preload[name] = type(source) == "function" and source or function()
    return require(source)
  end
end

preload("dkjson", function()
  local cjson = require("cjson")
  -- dkjson decodes the first value of a text; the suite has more after it.
  local function decode(text) return cjson.decode(text:match("%b{}")) end
  return { decode = decode, encode = cjson.encode }
end)

preload("path", function()
  local function normalize(_, path) return (path:gsub("^/+", "")) end
  local function fullpath(path)
    local pipe = assert(io.popen("pwd"))
    local here = pipe:read("*l")
    pipe:close()
    return here .. "/" .. (path:gsub("^%./", ""))
  end
  return { fullpath = fullpath, new = function() return { normalize = normalize } end }
end)

-- ---- lunit ----

local lunit = {}
local cases = {}
local SKIP = {}

local function fail(message, ...)
  error(message:format(...), 3)
end

local asserts = {}

for _, kind in ipairs({ "table", "string", "number", "function", "userdata", "boolean" }) do
  asserts["assert_" .. kind] = function(value, ...)
    if type(value) ~= kind then fail("%s expected, got %s", kind, tostring(value)) end
    return value, ...
  end
end

function asserts.assert(value, ...)
  if not value then fail("assertion failed: %s", tostring((...))) end
  return value, ...
end

function asserts.assert_equal(expected, actual)
  if expected ~= actual then fail("%s expected, got %s", tostring(expected), tostring(actual)) end
  return actual
end

function asserts.assert_not_equal(unexpected, actual)
  if unexpected == actual then fail("other than %s expected", tostring(actual)) end
  return actual
end

function asserts.assert_true(value)
  if value ~= true then fail("true expected, got %s", tostring(value)) end
  return value
end

function asserts.assert_false(value, ...)
  if value ~= false then fail("false expected, got %s", tostring(value)) end
  return value, ...
end

function asserts.assert_nil(value, ...)
  if value ~= nil then fail("nil expected, got %s", tostring(value)) end
  return value, ...
end

function asserts.assert_not_nil(value, ...)
  if value == nil then fail("a value expected, got nil") end
  return value, ...
end

function asserts.assert_match(pattern, text)
  if not tostring(text):find(pattern) then fail("%s expected, got %s", pattern, tostring(text)) end
  return text
end

function asserts.assert_not_match(pattern, text)
  if tostring(text):find(pattern) then fail("no %s expected, got %s", pattern, tostring(text)) end
  return text
end

function asserts.assert_error(fn)
  if pcall(fn) then fail("an error expected") end
end

function asserts.assert_error_match(pattern, fn)
  local ok, err = pcall(fn)
  if ok then fail("an error expected") end
  if not tostring(err):find(pattern) then
    fail("error with %s expected, got %s", pattern, tostring(err))
  end
end

function asserts.assert_pass(fn)
  local ok, err = pcall(fn)
  if not ok then fail("no error expected, got %s", tostring(err)) end
end

function lunit.skip(message)
  error(setmetatable({ SKIP, message }, { __tostring = function() return message end }), 0)
end

function lunit.TEST_CASE(name)
  local case = {}
  for key, value in pairs(asserts) do case[key] = value end
  cases[#cases + 1] = { name = name, tests = case }
  return setmetatable(case, { __index = _G })
end

preload("lunit", function() return lunit end)
package.path = folder .. "/test/?.lua;" .. package.path

-- ---- Running ----

local counts = { passed = 0, failed = 0, skipped = 0 }

local function run_test(case, name, test)
  local label = case.name .. ": " .. name
  local tests = case.tests
  local ok, err = true, nil
  if tests.setup then ok, err = pcall(tests.setup) end
  if ok then ok, err = xpcall(test, function(e) return e end) end
  if tests.teardown then
    local ended, why = pcall(tests.teardown)
    if ok and not ended then ok, err = false, why end
  end
  if ok then
    counts.passed = counts.passed + 1
  elseif type(err) == "table" and err[1] == SKIP then
    counts.skipped = counts.skipped + 1
    print("skipped  " .. label .. ": " .. tostring(err))
  else
    counts.failed = counts.failed + 1
    print("failed   " .. label .. ": " .. tostring(err))
  end
end

function lunit.run()
  for _, case in ipairs(cases) do
    local names = {}
    for name, value in pairs(case.tests) do
      if type(value) == "function" and tostring(name):find("^test") then
        names[#names + 1] = name
      end
    end
    table.sort(names)
    for _, name in ipairs(names) do
      io.stdout:flush()
      run_test(case, name, case.tests[name])
    end
  end
  local total = counts.passed + counts.failed + counts.skipped
  print(("%s: %d of %d passed, %d failed, %d skipped"):format(
    binding, counts.passed, total, counts.failed, counts.skipped))
  return { errors = 0, failed = counts.failed }
end

_G.arg = { unpack(arg, 2) }
dofile(folder .. "/test/run.lua")
