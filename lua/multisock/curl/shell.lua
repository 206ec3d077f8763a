-- Words of a command line of sh: written, and read as browsers, people and
-- documentation write them.
local shell = {}

--- A word as sh takes it.
function shell.quote(word)
  if word ~= "" and not word:find("[^%w%-._/:@%%+=,]") then
    return word
  end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Text as printf gives it, whatever bytes it has: the argument, quoted.
function shell.printf(text)
  local escaped = text:gsub("[%z\1-\31'%%\\\127]", function(byte)
    return byte == "%" and "%%" or byte == "\\" and "\\\\" or ("\\%03o"):format(byte:byte())
  end)
  return "'" .. escaped:gsub("^%-", "\\055") .. "'"      -- which would be an option
end

---- Reading -------------------------------------------------------------------

local LETTERS = {
  a = "\a", b = "\b", e = "\27", E = "\27", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v",
  ["\\"] = "\\", ["'"] = "'", ['"'] = '"', ["?"] = "?",
}

local function utf8_of(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64,
      0x80 + code % 64)
  end
  return string.char(0xF0 + math.floor(code / 262144) % 8, 0x80 + math.floor(code / 4096) % 64,
    0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

-- What stands behind a backslash of $'...'. Returns it, and what is behind it.
local function ansi_escape(text, at)
  local letter = text:sub(at, at)
  if LETTERS[letter] then
    return LETTERS[letter], at + 1
  end
  local digits = text:match("^[0-7][0-7]?[0-7]?", at)
  if digits then
    return string.char(tonumber(digits, 8) % 256), at + #digits
  end
  digits = text:match("^x(%x%x?)", at)
  if digits then
    return string.char(tonumber(digits, 16)), at + 1 + #digits
  end
  digits = text:match("^u(%x%x?%x?%x?)", at) or text:match("^U(%x%x?%x?%x?%x?%x?%x?%x?)", at)
  if digits then
    return utf8_of(tonumber(digits, 16)), at + 1 + #digits
  end
  return "\\" .. letter, at + 1
end

-- Each reads from behind its quote: what is quoted, and what is behind; or nil, message.
local function read_single(text, at)
  local stop = text:find("'", at, true)
  if stop == nil then
    return nil, "a single quote has no end"
  end
  return text:sub(at, stop - 1), stop + 1
end

local function read_ansi(text, at)
  local pieces = {}
  while true do
    local plain, stop = text:match("^([^'\\]*)()", at)
    pieces[#pieces + 1], at = plain, stop
    local char = text:sub(at, at)
    if char == "'" then
      return table.concat(pieces), at + 1
    elseif char == "" then
      return nil, "a quote ($') has no end"
    end
    pieces[#pieces + 1], at = ansi_escape(text, at + 1)
  end
end

local EXPANDS = "the shell would put something in the place of %s: write what it stands for"

local function read_double(text, at)
  local pieces = {}
  while true do
    local plain, stop = text:match('^([^"\\$`]*)()', at)
    pieces[#pieces + 1], at = plain, stop
    local char, behind = text:sub(at, at), text:sub(at + 1, at + 1)
    if char == '"' then
      return table.concat(pieces), at + 1
    elseif char == "" then
      return nil, "a double quote has no end"
    elseif char == "\\" then
      -- Before others the backslash stays.
      pieces[#pieces + 1] = behind == "\n" and "" or behind:find('[\\"$`]') and behind
        or "\\" .. behind
      at = at + 2
    elseif char == "`" or behind:find("[%w_{(@*#?$!-]") then
      return nil, EXPANDS:format(char .. text:match("^[%w_]*", at + 1))
    else
      pieces[#pieces + 1], at = char, at + 1
    end
  end
end

-- A piece of a word that begins here: what it is, and what is behind; or nil, message.
local function read_piece(text, at)
  local char, behind = text:sub(at, at), text:sub(at + 1, at + 1)
  if char == "'" then
    return read_single(text, at + 1)
  elseif char == '"' then
    return read_double(text, at + 1)
  elseif char == "$" and behind == "'" then
    return read_ansi(text, at + 2)
  elseif char == "$" and behind:find("[%w_{(@*#?$!-]") or char == "`" then
    return nil, EXPANDS:format(char .. text:match("^[%w_]*", at + 1))
  elseif char == "\\" then
    return behind == "\n" and "" or behind, at + 2
  elseif char:find("[|&;<>()]") then
    return nil, ("the shell would do something else at %s: one command alone can be read")
      :format(char)
  elseif char == "$" then
    return char, at + 1
  end
  local plain, stop = text:match("^([^%s'\"\\$`|&;<>()]+)()", at)
  return plain, stop
end

--- The words of one command.
-- @return list of strings; or nil, message
function shell.split(text)
  local words, at = {}, 1
  text = text:gsub("\r\n", "\n")
  while true do
    at = text:match("^[^%S\n]*()", at)
    local char = text:sub(at, at)
    if char == "" or char == "\n" and #words > 0 then
      if text:find("%S", at) then
        return nil, "there is more than one command"
      end
      return words
    elseif char == "\n" then
      at = at + 1
    elseif text:sub(at, at + 1) == "\\\n" then
      at = at + 2
    else
      local pieces = {}
      repeat
        local piece, stop = read_piece(text, at)
        if piece == nil then
          return nil, stop
        end
        pieces[#pieces + 1], at = piece, stop
      until text:find("^%s", at) or at > #text
      words[#words + 1] = table.concat(pieces)
    end
  end
end

return shell
