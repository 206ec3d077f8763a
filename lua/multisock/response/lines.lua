-- Lines of a body that comes in pieces, for response:lines(), records() and events().
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local pieces = require("multisock.response.pieces")
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local byte, find, sub = string.byte, string.find, string.sub
local NONE = math.huge

local lines = {}

-- A line at most, unless asked for another size: one that never ends would fill
-- the memory.
local LONGEST = 1024 * 1024

--- Checks the options of a method that reads lines.
-- @param what string: its name @param options table; nil: none are given
-- @param known table by name: which there are
-- @return bytes of a line at most
function lines.longest(what, options, known)
  if options == nil then
    return LONGEST
  elseif type(options) ~= "table" then
    errors.misuse(("%s: table expected, got %s"):format(what, values.describe(options)))
  end
  for name in pairs(options) do
    if not known[name] then
      errors.misuse(("%s: unknown option %s%s"):format(what, errors.quote(name),
        suggest.hint(name, known)))
    end
  end
  local most = options.max_size or LONGEST
  if type(most) ~= "number" or most ~= most or most < 1 then
    errors.misuse(("%s: max_size: number of 1 or more expected, got %s"):format(what,
      values.describe(most)))
  end
  return most
end

--- Lines, each as soon as its end is there. Every byte is looked at once or twice, however
-- the body is cut into pieces.
-- @param read function() -> string; nil at the end; nil, err
-- @param most bytes of a line @param too_long function() -> err
-- @param any_end boolean: a line ends with "\r", "\n" or "\r\n", and what follows the last
-- end is none. Else with "\n" or "\r\n", and the last one may lack it
-- @return function() -> string; nil at the end; nil, err
function lines.reader(read, most, too_long, any_end)
  local text, at, held, size = "", 1, nil, 0
  local lf, cr = 0, 0               -- the next ends in the text; before `at`: to be looked for
  local after_cr, ended = false, false
  if not any_end then
    cr = NONE
  end

  -- Keeps what is left of the text, and gets more. Returns whether there is some; nil, err.
  local function advance()
    local rest = #text - at + 1
    if rest > 0 then
      size = size + rest
      if size > most then
        return nil, too_long()
      end
      held = held or pieces.new()
      held:add(at == 1 and text or sub(text, at))
    end
    local chunk, err = read()
    if err then
      return nil, err
    end
    text, at, ended = chunk or "", 1, chunk == nil
    lf, cr = 0, any_end and 0 or NONE
    if after_cr and text ~= "" then
      after_cr = false
      at = byte(text) == 10 and 2 or 1
    end
    return not ended
  end

  return function()
    while true do
      if lf < at then
        lf = find(text, "\n", at, true) or NONE
      end
      if cr < at then
        cr = find(text, "\r", at, true) or NONE
      end
      local stop = lf < cr and lf or cr
      if stop < NONE then
        if size + stop - at > most then
          return nil, too_long()
        end
        local line = sub(text, at, stop - 1)
        at = stop + 1
        if held then
          held:add(line)
          line, held, size = held:whole(), nil, 0
        end
        if stop == cr then
          if byte(text, at) == 10 then
            at = at + 1
          else
            after_cr = at > #text
          end
        elseif not any_end and byte(line, -1) == 13 then
          line = sub(line, 1, -2)
        end
        return line
      end
      local more, err = not ended, nil
      if more then
        more, err = advance()
      end
      if err then
        return nil, err
      elseif not more then
        local last = held and not any_end and held:whole() or nil
        held = nil
        return last
      end
    end
  end
end

return lines
