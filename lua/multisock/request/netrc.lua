-- The option `netrc`: user and password of a host from a file, as ftp(1) and curl have it.
-- Not libcurl's, which cannot tell an entry for a host from that for all, nor refuse to
-- send them unencrypted.
local contents = require("multisock.base.contents")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local settings = require("multisock.request.settings")

local netrc = {}

local LARGEST = 1024 * 1024
local ENCRYPTED = { https = true, ftps = true, sftp = true, scp = true }
local ESCAPED = { n = "\n", r = "\r", t = "\t" }

-- Words and quoted ones, without comments and macros.
local function tokens_of(text)
  local tokens, at, name_of_macro = {}, 1, false
  while true do
    local start = text:find("%S", at)
    if start == nil then
      return tokens
    end
    local token, stop
    local first = text:sub(start, start)
    if first == "#" then
      stop = text:find("\n", start, true) or #text
    elseif first == '"' then
      local pieces, i = {}, start + 1
      while i <= #text and text:sub(i, i) ~= '"' do
        local char = text:sub(i, i)
        if char == "\\" then
          i = i + 1
          char = ESCAPED[text:sub(i, i)] or text:sub(i, i)
        end
        pieces[#pieces + 1], i = char, i + 1
      end
      token, stop = table.concat(pieces), i
    else
      stop = (text:find("%s", start) or #text + 1) - 1
      token = text:sub(start, stop)
    end
    if name_of_macro then
      -- What it does goes to the next empty line.
      local _, empty = text:find("\n[ \t\r]*\n", stop)
      name_of_macro, stop = false, empty or #text
    elseif token == "macdef" and first ~= '"' then
      name_of_macro = true
    elseif token then
      tokens[#tokens + 1] = token
    end
    at = stop + 1
  end
end

local VALUES = { login = true, password = true, account = true }

-- The entry for a host; without one that for all, where that is allowed.
local function find(text, host, or_default)
  local tokens, i, entry, found, default = tokens_of(text), 1, nil, nil, nil
  while i <= #tokens do
    local word, value = tokens[i], tokens[i + 1]
    if word == "machine" or word == "default" then
      entry = {}
      if word == "default" then
        default = default or entry
      elseif found == nil and value and value:lower() == host then
        found = entry
      end
      i = i + (word == "machine" and 2 or 1)
    elseif entry and VALUES[word] then
      entry[word] = value
      i = i + 2
    else
      i = i + 1
    end
  end
  return found or or_default and default or nil
end

local function read(path)
  local text, why = contents(path, LARGEST + 1)
  if text and #text > LARGEST then
    return nil, path .. ": larger than 1 MiB"
  end
  return text, why
end

local function path_of(option)
  local path = type(option) == "table" and option.path or type(option) == "string" and option
  if path then
    return path
  end
  local home = os.getenv("HOME")
  return home and home ~= "" and home .. "/.netrc"
end

local function fail(request, why)
  return nil, errors.new("io", "netrc: " .. why, { url = request:url() })
end

--- Gives a request the user and the password that the file has for its host, unless it has
-- its own.
-- @param request see init.lua
-- @param stranger? boolean: it goes elsewhere than was asked: what the file has for all
-- hosts is not for this one
-- @return true; or nil, err when there is no such file
function netrc.apply(request, stranger)
  local given, target = request.settings, request.target
  local auth, option = given.auth, given.netrc
  if auth and not auth.from_netrc or target.has_user
    or target.web and headers.find(request:fields(), "Authorization") then
    return true
  end
  local entry
  if ENCRYPTED[target.scheme] or type(option) == "table" and option.cleartext then
    local path = path_of(option)
    if not path then
      return fail(request, "HOME is not set")
    end
    local text, why = read(path)
    if text == nil then
      return fail(request, why)
    end
    entry = find(text, target.host:gsub("^%[(.*)%]$", "%1"), not stranger)
  end
  if entry and entry.login or auth then
    auth = entry and entry.login
      and { basic = { entry.login, entry.password or "" }, from_netrc = true } or false
    request.settings = setmetatable({ auth = auth, lines = settings.NO_LINES }, { __index = given })
  end
  return true
end

return netrc
