-- Splits the words of a command line into options and operands.
local suggest = require("multisock.base.suggest")
local text = require("multisock.base.text")

local arguments = {}

local function store(options, option, value)
  if option.many then
    options[option.name] = options[option.name] or {}
    table.insert(options[option.name], value)
  else
    options[option.name] = value
  end
end

--- Parses words; options may stand anywhere, "--" ends them, "-qP4" is short
-- for "-q -P 4", "--retry=2" is "--retry 2".
-- @param known table from "-x" or "--name" to {name = key, value = what it
-- takes (nil: a switch), many = whether values are collected in a list}
-- @param words list @param first index of the first word to look at
-- @return table of options by key, list of operands; or nil, message
function arguments.parse(known, words, first)
  local left, options, operands = {}, {}, {}
  for i = #words, first, -1 do
    left[#left + 1] = words[i]
  end
  while #left > 0 do
    local word = table.remove(left)
    local option, short = known[word], known[word:sub(1, 2)]
    local long, value = word:match("^(%-%-[^=]+)=(.*)$")
    if word == "--" then
      while #left > 0 do
        operands[#operands + 1] = table.remove(left)
      end
    elseif option and option.value == nil then
      store(options, option, true)
    elseif option then
      if #left == 0 then
        return nil, ("option '%s' needs a value: %s %s"):format(word, word, option.value)
      end
      store(options, option, table.remove(left))
    elseif long and known[long] and known[long].value then
      store(options, known[long], value)
    elseif not word:find("^%-.") then
      operands[#operands + 1] = word
    elseif short then
      left[#left + 1] = (short.value and "" or "-") .. word:sub(3)
      left[#left + 1] = word:sub(1, 2)
    else
      -- Single letters are all alike.
      local hint = #word > 3 and suggest.hint(word, known) or ""
      return nil, ("unknown option '%s'%s"):format(text.clean(word), hint)
    end
  end
  return options, operands
end

return arguments
