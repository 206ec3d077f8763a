-- The loop of simulated time: it watches no sockets, and where the others would wait it tells
-- the clock that the time is there. tasks/simulated.lua has it drive for a while.
local clock = require("multisock.base.clock")
local timers = require("multisock.base.timers")

local simulated = {}

-- Turns without a step of the clock after which it is said that there will be none.
local MOST_TURNS = 200000

local BUSY = "mock:run: the clock has stood still for 200,000 turns: a task waits for time to "
  .. "pass with sleep(0), and time passes only when all tasks wait for it"
local FOR_EVER = "deadlock: every task waits for ever"
local MANUAL = "mock:run: every task waits for a time, and the clock is manual: "
  .. "mock:advance(seconds) moves it, in a task"

--- Makes one.
-- @param now seconds that it begins with
-- @param since seconds since 1970 that these are
-- @param manual boolean: time passes in the place of who is in `advancing` alone
-- @return loop, with `now`, and `beneath`: the loop in whose place it is
function simulated.new(now, since, manual)
  local loop = { name = "simulated", now = now, advancing = {} }
  local turns, free = 0, not manual

  local function time()
    return math.floor(since + loop.now - now)
  end

  local function set(seconds)
    loop.now, turns = seconds, 0
    clock.tell(seconds, time)
    return true
  end

  --- Its time is the one that everybody has.
  function loop.begin()
    free = not manual
    set(loop.now)
  end

  --- It is no more.
  function loop.stop()
    clock.tell()
  end

  -- Who is to be told first that a time is there: {at, tell}.
  local function first_advancing()
    local best
    for i, entry in ipairs(loop.advancing) do
      if best == nil or entry.at < loop.advancing[best].at then
        best = i
      end
    end
    return best
  end

  -- Everybody waits: goes on to when the first one waits for.
  local function pass_time()
    local deadline, first = timers.next_deadline(), first_advancing()
    local entry = first and loop.advancing[first]
    if entry and not (deadline and deadline <= entry.at) then
      table.remove(loop.advancing, first)
      entry.tell()
      return set(entry.at)
    elseif deadline == math.huge then
      error(FOR_EVER, 0)
    elseif deadline and not (free or entry) then
      free = true                     -- for what tidies up
      error(MANUAL, 0)
    end
    return deadline ~= nil and set(deadline)
  end

  --- The time that is waited for is there.
  -- @return whether anything is left that it could wait for
  -- @raise when it may not go so far
  function loop.step(_, timeout)
    if timeout ~= 0 then
      return pass_time()
    end
    turns = turns + 1
    if turns > MOST_TURNS then
      turns = 0
      error(BUSY, 0)
    end
    return false
  end

  --- No transfer is ever ready.
  function loop.ready(_, _, last)
    return last, 0
  end

  -- What is made here and never used is the loop's below.
  function loop.attach(multi)
    return loop.beneath.attach(multi)
  end

  function loop.close(multi)
    return loop.beneath.close(multi)
  end

  function loop.timeout()
    return nil
  end

  function loop.fd() end

  function loop.interruptible() end

  function loop.counts()
    return 0, 0
  end

  return loop
end

return simulated
