-- What differs between Lua versions, for the Lua half. Nothing else asks for
-- _VERSION.
local core = require("multisock.core")

local compat = {}

compat.unpack = table.unpack or unpack -- luacheck: ignore 143 113

compat.pack = table.pack or function(...)
  return { n = select("#", ...), ... }
end

-- The running coroutine, or nil on the main chunk.
local running = coroutine.running
function compat.running_coroutine()
  local co, main = running()
  if main then
    return nil
  end
  return co
end

-- A coroutine that failed does not run its to-be-closed variables by itself.
compat.close_coroutine = coroutine.close or function() end

---- Suspending ---------------------------------------------------------------

-- Lua's own functions. The Lua module of nginx replaces them by some that look up
-- the request of a coroutine: ours belong to no request, and outlive those that
-- they began in. It keeps Lua's own under these names.
local function own(name)
  return rawget(coroutine, "_" .. name) or coroutine[name]
end

local create, resume, yield = own("create"), own("resume"), own("yield")
compat.create, compat.yield, compat.status = create, yield, own("status")

-- Of errors it passes the value on, without where it was raised.
local function wrap(fn)
  local co = create(fn)
  local function check(ok, ...)
    if not ok then
      error((...), 0)
    end
    return ...
  end
  return function(...)
    return check(resume(co, ...))
  end
end

--- As coroutine.wrap.
compat.wrap = rawget(coroutine, "_create") and wrap or coroutine.wrap

-- Whether a coroutine may suspend inside pcall: not in PUC Lua 5.1.
compat.yields_in_pcall = compat.wrap(function()
  pcall(yield, true)
  return false
end)()

-- What may be in the way, and what to do instead.
compat.barrier = compat.yields_in_pcall
  and "a C function is on the stack (sort, gsub, a metamethod); fetch before it, or outside of it"
  or "Lua 5.1 cannot suspend inside pcall, a metamethod, or the iterator of a for loop. Read a "
    .. "body with response:read() or :text(), use task:join() for pcall, ms.map for ms.each, "
    .. "or wait on the main chunk"

--- Whether the running coroutine is `co`, and may suspend.
compat.may_suspend = core.may_suspend

compat.resume = resume

--- Resumes woken tasks, and turns the loop meanwhile, see src/fetch/resume.c.
compat.resume_woken, compat.turns = core.resume, core.turns

--- A request in one call, see src/fetch/perform.c.
compat.perform = core.perform

-- C cannot go on after suspending: so Lua suspends, between two halves.
if compat.perform == nil then
  local begin, finish = core.perform_begin, core.perform_finish
  function compat.perform(...)
    local easy, err = begin(...)
    if easy == nil then
      return nil, err
    end
    yield()
    return finish(easy, ...)
  end
end

-- In Lua 5.1 a metamethod on the stack shows only when suspending fails. So who
-- is about to wait suspends once before it starts anything, and is resumed at
-- once.
if not compat.yields_in_pcall then
  local PROBE = {}
  local perform = compat.perform

  function compat.may_suspend(co)
    local mine, can = core.may_suspend(co)
    if mine and can then
      yield(PROBE)
    end
    return mine, can
  end

  function compat.resume(co, ...)
    local ok, value = resume(co, ...)
    while ok and value == PROBE do
      ok, value = resume(co)
    end
    if not ok and type(value) == "string" and value:find("attempt to yield across", 1, true) then
      value = "multisock cannot wait here: " .. compat.barrier
    end
    return ok, value
  end

  -- Leaves each to `resume`.
  function compat.resume_woken(ready, first)
    local task = ready[first]
    ready[first] = nil
    return first + 1, task
  end
  compat.turns = nil

  function compat.perform(limiter, target, task, ...)
    local mine, can = compat.may_suspend(task.co)
    if mine and can then
      return perform(limiter, target, task, ...)
    end
  end
end

--- The stack of who calls, without `level` functions at its top.
function compat.traceback(level)
  -- Before Lua 5.2 nil is no message.
  return debug.traceback("", level + 1):sub(2)
end

---- Values -------------------------------------------------------------------

-- LuaJIT's builds from September 2021 to April 2022 (2.1.0-beta3, Debian 12's) compile `next`
-- wrongly where registers are scarce: the address of what it has found loses its upper half
-- ("Fix RETHI/RETLO swap after call" is the cure). Entries are left out then, or the process
-- crashes. So there what calls it is not compiled.
local function step(map, key)
  return next(map, key)
end

local jit = rawget(_G, "jit")
if jit and jit.version:find("beta", 1, true) then
  jit.off(step)
end

--- As next, of a table that is there.
compat.next = jit and step or next

--- As pairs, without a look at metatables where Lua is LuaJIT.
compat.pairs = jit and function(map)
  return step, map, nil
end or pairs

--- Something that calls `fn(argument)` when it is collected, at the latest when
-- the state is closed. `fn` may not fail, wait, or call what may.
function compat.finalizer(fn, argument)
  local function collected()
    fn(argument)
  end
  local newproxy = rawget(_G, "newproxy")    -- Lua 5.1: tables have no __gc
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = collected
    return proxy
  end
  return setmetatable({}, { __gc = collected })
end

--- Whether a call of this function is on the stack of the running coroutine.
function compat.is_on_stack(fn)
  local level = 2
  local info = debug.getinfo(level, "f")
  while info and info.func ~= fn do
    level = level + 1
    info = debug.getinfo(level, "f")
  end
  return info ~= nil
end

function compat.is_integer(value)
  return type(value) == "number" and value % 1 == 0
end

return compat
