-- Reads doc comments. In Lua one begins with "--- " and goes on with "-- "; in C it is
-- "/*** ... */". Both have the same tags:
--   @param NAME[?] TYPE text     @return TYPE[, TYPE] text; or nil, err
--   @raise text                  @see page of a manual
--   @class NAME                  @field NAME[?] TYPE text
--   @local                       of the project's own use: no part of the reference
-- TYPE is as LuaLS writes it, or one of the words below.
local comments = {}

local TAGS = {
  param = true, ["return"] = true, raise = true, see = true, class = true, field = true,
  ["local"] = true,
}

local WORDS = {
  seconds = "number", milliseconds = "integer", bytes = "integer", count = "integer",
  descriptor = "integer", list = "table", iterator = "fun(): any, any", err = "multisock.Error",
  response = "multisock.Response", client = "multisock.Client", task = "multisock.Task",
  group = "multisock.Group", queue = "multisock.Queue", jar = "multisock.Jar",
  mock = "multisock.Mock",
  headers = "multisock.Headers",
  request = "multisock.Request", value = "any", easy = "multisock.core.Easy",
  multi = "multisock.core.Multi",
}
for word in ("string integer number boolean table function nil any true false file* self "
  .. "lightuserdata"):gmatch("%S+") do
  WORDS[word] = word
end
-- Words that say more than the type.
local UNITS = { seconds = true, milliseconds = true, bytes = true, count = true }
local SERIES = {
  ["list of strings"] = "string[]", ["iterator of strings"] = "fun(): string?",
  ["list of functions"] = "function[]", ["iterator of values"] = "fun(): any",
  ["iterator of events"] = "fun(): multisock.ServerEvent?",
}

local take_type, take_list

-- One type without "|": it and what is behind it; nil when there is none.
local function take_single(text)
  local series = text:match("^%a+ of %a+")
  if SERIES[series] then
    return SERIES[series], text:sub(#series + 1)
  end
  local arguments = text:match("^fun%b()")
  if arguments then
    local rest = text:sub(#arguments + 1)
    local result, behind
    if rest:find("^: ") then
      result, behind = take_list(rest:sub(3))
    end
    return arguments .. (result and result[1] and ": " .. table.concat(result, ", ") or ""),
      behind or rest
  end
  local part = text:match("^table%b<>") or text:match("^%b{}") or text:match('^"[^"]*"')
    or text:match("^%b()") or text:match("^%.%.%.")
  if part == nil then
    local word = text:match("^[%a_][%w_.]*%*?") or ""
    part = word:find("^core%.%u") and "multisock." .. word
      or word:find("^multisock%.") and word or WORDS[word]
    return part, text:sub(#word + 1)
  end
  return part, text:sub(#part + 1)
end

function take_type(text)
  local types = {}
  repeat
    local one, rest = take_single(text)
    if one == nil then
      return nil
    end
    local suffix = rest:match("^[%[%]?]*")
    types[#types + 1] = one .. suffix
    text = rest:sub(#suffix + 1)
    local more = text:find("^|")
    text = more and text:sub(2) or text
  until not more
  return table.concat(types, "|"), text
end

-- Types with commas between, "easy, true", and what is behind them.
function take_list(text)
  local list, rest = {}, text
  local more = text
  while more do
    local one, behind = take_type(more)
    if one == nil or #list > 0 and one:find('^"') then
      break
    end
    list[#list + 1], rest = one, behind
    more = behind:match("^, (.*)$")
  end
  return list, rest
end

--- What a "return" tag says, for LuaLS: a list of types, one for each value. Alternatives
-- are behind ";" and may be shorter; "..." stands for any more.
-- @return list of strings
function comments.return_types(text)
  local alternatives, most = {}, 0
  for alternative in (text .. ";"):gmatch("%s*([^;]*);") do
    local list = take_list((alternative:gsub("^or ", "")))
    if #list > 0 then
      alternatives[#alternatives + 1] = list
      most = math.max(most, #list)
    end
  end
  local types = {}
  for i = 1, most do
    local seen, union, optional = {}, {}, false
    for _, list in ipairs(alternatives) do
      local one = list[i] or list[#list] ~= "..." and "nil" or nil
      optional = optional or one == "nil"
      if one and one ~= "nil" and not seen[one] then
        seen[one], union[#union + 1] = true, one
      end
    end
    local text_of = table.concat(union, "|")
    types[i] = text_of == "" and "nil"
      or text_of .. (not optional and "" or #union > 1 and "|nil" or "?")
  end
  return types
end

-- Text and tags of a comment's lines.
local function parse(text)
  local doc = { params = {}, fields = {} }
  local tag, from = nil, 1
  local function add(upto)
    local said = text:sub(from, upto):gsub("^%s+", ""):gsub("%s+$", "")
    if tag == nil then
      doc.text = said
    elseif tag == "param" or tag == "field" then
      local name, optional, rest = said:match("^([%w_.]+)(%??)%s*(.*)$")
      local type_, behind = take_type(rest or "")
      local list = tag == "param" and doc.params or doc.fields
      local is_unit = UNITS[rest and rest:match("^%l+")]
      list[#list + 1] = {
        name = name, optional = optional == "?", type = type_, said = rest,
        text = ((type_ and not is_unit and behind or rest or ""):gsub("^[,:;]?%s*", "")),
      }
    elseif doc[tag] then
      doc.wrong = "@" .. tag .. " twice"
    else
      doc[tag] = said
    end
  end
  for at, name, behind in (" " .. text):gmatch("()%s@(%l+)()") do
    if TAGS[name] then
      add(at - 1)
      tag, from = name, behind - 1
    end
  end
  add(#text)
  return doc
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

-- Calls found(text, line behind it) for each doc comment, wrong(line, message).
local function scan_lua(path, found, wrong)
  local number, block = 0, nil
  -- Lines without a comment, outside of one, are most of them.
  local function look(line)
    local first, next_line = line:match("^%s*%-%-%- (.*)$"), line:match("^%s*%-%- ?(.*)$")
    local tag = line:match("^%s*%-%-+ ?@(%l+)")
    if line:find("^%s*%-%-%-@") then
      wrong(number, "---@ is the dialect of others: \"--- \" and \"-- @tag\" here")
    elseif tag and TAGS[tag] and not (first or block) then
      wrong(number, "a tag in a comment that does not begin with \"--- \"")
    end
    if first then
      if block then
        wrong(number, "a doc comment goes on with \"-- \"")
      end
      block = { first }
    elseif next_line and not line:find("^%s*%-%-%-") and block then
      block[#block + 1] = next_line
    elseif block then
      found(table.concat(block, " "), number, line)
      block = nil
    end
  end
  for line in io.lines(path) do
    number = number + 1
    if block or line:find("--", 1, true) then
      look(line)
    end
  end
end

local function scan_c(path, found, wrong)
  local text = read(path)
  local function line_at(at)
    return select(2, text:sub(1, at):gsub("\n", "")) + 1
  end
  for at, stars, inner, behind in text:gmatch("()/(%*+)(.-)%*/()") do
    if stars == "***" then
      local line = text:match("^%s*([^\n]*)", behind)
      found((inner:gsub("%s+", " "):gsub("^ ", "")), line_at(behind), line)
    elseif stars == "**" or inner:find("\n@%l") or inner:find("[@\\]param") then
      wrong(line_at(at), "a doc comment begins with \"/*** \"")
    end
  end
end

--- Reads the doc comments of a file.
-- @param path string @param wrong function(line, message)
-- @return table: lines (from the number of the line below it to a doc), functions (C:
-- by name), classes (by name). A doc has text, params, fields, return, raise, see
function comments.read(path, wrong)
  local docs = { lines = {}, functions = {}, classes = {} }
  local scan = path:find("%.[ch]$") and scan_c or scan_lua
  scan(path, function(text, number, line)
    local doc = parse(text)
    if doc.wrong then
      wrong(number, doc.wrong)
    end
    docs.lines[number] = doc
    local name = line:match("^[%w_ ]*[ *]([%w_]+)%(lua_State")
    if name then
      docs.functions[name] = doc
    end
    if doc.class then
      docs.classes[doc.class:match("^%S+")] = doc
    end
  end, wrong)
  return docs
end

return comments
