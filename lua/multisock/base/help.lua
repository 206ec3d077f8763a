-- What ms.help and `multisock help NAME` tell: texts that script/docs has made of the
-- doc comments and option rows. Loaded when somebody asks.
local errors = require("multisock.base.errors")
local reference = require("multisock.base.reference")
local suggest = require("multisock.base.suggest")

local help = {}

-- All that is told, in its order: {name, text, option = whether it is one}. In the file each
-- text is behind a "# ", a paragraph a line; "NAME as OTHER" is told what that one is.
local entries, texts = {}, {}
for text in (reference:sub(3) .. "# "):gmatch("(.-)\n# ") do
  local name, other = text:match("^(%S+) as (%S+)$")
  if other then
    text = name .. texts[other]:sub(#other + 1)
  end
  local option = text:match("^option ([%w_.]+)")
  name = option or text:match("^[%w_]+[.:]?[%w_.]*")
  texts[name] = text
  entries[#entries + 1] = { name, text, option = option ~= nil }
end

-- "client:get()", "client.get" and "Client.GET" are asked for alike.
local function normal(name)
  name = name:gsub("%(.*", ""):gsub(":", "."):gsub("^multisock%.", ""):lower()
  return (name:gsub("^ms%.(.*%.)", "%1"))
end

local function is_below(name, owner)
  return name:sub(1, #owner + 1) == owner .. "."
end

local WIDTH = 78

-- A paragraph, in lines that begin as it does.
local function wrap(paragraph)
  local indent = paragraph:match("^ *")
  local lines, line = {}, nil
  for word in paragraph:gmatch("%S+") do
    if line and #line + #word + 1 > WIDTH then
      lines[#lines + 1], line = line, nil
    end
    line = line and line .. " " .. word or indent .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function wrap_all(text)
  return (text:gsub("[^\n]+", wrap))
end

local function wrap_names(names)
  return wrap("  " .. table.concat(names, " "))
end

--- All names, in the groups that they belong to.
-- @return string
function help.list()
  local order, groups = {}, {}
  for _, entry in ipairs(entries) do
    local owner = entry.option and "options" or entry[1]:match("^(.-)[.:]")
    if groups[owner] == nil then
      groups[owner], order[#order + 1] = {}, owner
    end
    local short = entry.option and entry[1] or entry[1]:sub(#owner + 2)
    table.insert(groups[owner], short)
  end
  local lines = {}
  for _, owner in ipairs(order) do
    lines[#lines + 1] = owner .. "\n" .. wrap_names(groups[owner])
  end
  lines[#lines + 1] = 'ms.help(NAME) tells more: of "timeout", "ms.get", "response", ...'
  return table.concat(lines, "\n")
end

--- What is told about a name: the whole one ("client:get"), its last part ("get"), or
-- that of a group ("client").
-- @param name string
-- @return string; nil when nothing has it, and the near one that was meant
function help.find(name)
  local wanted = normal(name)
  local whole, ending, members, names = {}, {}, {}, {}
  for _, entry in ipairs(entries) do
    local one = normal(entry[1])
    names[one] = true
    names[one:match("[^.]+$")] = true
    if one == wanted then
      whole[#whole + 1] = wrap_all(entry[2])
    elseif one:sub(-#wanted - 1) == "." .. wanted then
      ending[#ending + 1] = wrap_all(entry[2])
    elseif is_below(one, wanted) then
      members[#members + 1] = entry[1]
    end
  end
  for _, text in ipairs(ending) do
    whole[#whole + 1] = text
  end
  if #members > 0 then
    whole[#whole + 1] = "of " .. wanted .. ":\n" .. wrap_names(members)
  end
  if #whole == 0 then
    return nil, suggest.nearest(wanted, names, suggest.ELSEWHERE)
  end
  return table.concat(whole, "\n\n")
end

--- What ms.help returns.
function help.text(name)
  if name == nil then
    return help.list()
  elseif type(name) ~= "string" then
    errors.misuse("help: name expected, got " .. errors.quote(name))
  end
  local text, near = help.find(name)
  return text or ("nothing is called %s%s"):format(errors.quote(name),
    near and (", did you mean '%s'?"):format(near) or "; ms.help() tells all names")
end

return help
