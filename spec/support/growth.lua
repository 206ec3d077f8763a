-- Whether time grows faster than the input: for everything that reads what came
-- from outside.
local growth = {}

-- What takes the square of its input's size takes a second at the largest one.
local SIZES = { 8 * 1024, 16 * 1024, 32 * 1024 }
-- In proportion, twice as much takes twice as long; by the square, four times. In
-- so many seconds nothing that grows by the square is done.
local MOST, TOO_SHORT = 3, 0.02
local TRIES = 5

-- CPU time, because other programs run beside us.
local function time_of(read, text)
  local start = os.clock()
  read(text)
  return os.clock() - start
end

-- How much longer the larger takes: the least of some tries, because noise adds.
local function step(read, small, large)
  local least = math.huge
  for _ = 1, TRIES do
    least = math.min(least, time_of(read, large) / math.max(1e-6, time_of(read, small)))
    if least <= MOST then
      break
    end
    collectgarbage()
  end
  return least
end

--- How much longer `read` takes for twice as much, from 1x to 2x or from 2x to 4x,
-- whichever is worse. 1 when it takes too short a time to tell.
-- @param make function(size) -> text of about this size
-- @param read function(text)
-- @return number, seconds for the largest one
function growth.of(make, read)
  local largest = make(SIZES[3])
  local seconds = time_of(read, largest)
  if seconds < TOO_SHORT then
    return 1, seconds
  end
  local middle = make(SIZES[2])
  return math.max(step(read, middle, largest), step(read, make(SIZES[1]), middle)), seconds
end

--- Fails when time grows faster than size, for any of the inputs.
-- @param makers table from a description to make(size), see growth.of
function growth.check(makers, read)
  for what, make in pairs(makers) do
    local factor, seconds = growth.of(make, read)
    if factor > MOST then
      error(("%s: twice the bytes take %.1f times as long (%.3f s)"):format(what, factor,
        seconds), 2)
    end
  end
end

-- A byte or a few, for every reader of text.
local RUNS = {
  " ", "\t", "\r", "\0", "\n", "\r\n", "\n ", " \n", "a", "1", "-", ".", ",", ";", ":", "/", "//",
  "\\", "@", "?", "#", "%", "%2", "%20", "%2f", "+", "=", "&", "_", "'", "\"", "[", "]", "{", "}",
  "<", ">", "\195\164", "\240\159\152\128", "\128", "\255", "../", "/..", "./", "/a/..", ": ",
  ", ", "a ", " a", "a:", "a.", "a/", "a=b&", "a: b\r\n", "a\r", "1.", ".1", "-1", "\27[",
}

--- Inputs of the same over and over, between others.
-- @param before? string @param after? string what stands around it
-- @param runs? list of texts; else what every reader of text gets
function growth.runs(before, after, runs)
  before, after = before or "", after or ""
  local makers = {}
  for _, text in ipairs(runs or RUNS) do
    makers[("%q"):format(text)] = function(size)
      return before .. text:rep(math.floor(size / #text)) .. after
    end
  end
  return makers
end

return growth
