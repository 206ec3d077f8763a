-- `resolve`: the addresses of a name for one request. libcurl's own option of that
-- name puts them into the cache of names, where later requests find them, and its
-- connections are found by the name, however that was resolved. So the request is
-- sent to a name of its own (CONNECT_TO), which has these addresses and which nobody
-- else asks for; what the server and TLS see is the name in the URL.
local pins = {}

-- The names by what they stand for. When there are many all are forgotten: then
-- the same addresses get another name, and other connections.
local MOST_NAMES = 1000
local names, name_count, last = {}, 0, 0

local function name_for(text)
  local name = names[text]
  if name == nil then
    if name_count >= MOST_NAMES then
      names, name_count = {}, 0
    end
    last, name_count = last + 1, name_count + 1
    name = ("pin-%d.invalid"):format(last)
    names[text] = name
  end
  return name
end

local function is_address(text)
  local inner = text:match("^%[(.*)%]$") or text
  if inner:find(":", 1, true) then
    return inner:find("^[%x:.]+%%?[%w._~-]*$") ~= nil
  end
  local parts = { inner:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for i = 1, #parts do
    if tonumber(parts[i]) > 255 then
      return false
    end
  end
  return #parts == 4 and inner == text
end

-- "HOST:PORT:ADDRESS,ADDRESS"; nil when it is not.
local function parse(entry)
  local host, port, list = entry:match("^%+?(%[[^%]]+%]):(%d+):(.+)$")
  if host == nil then
    host, port, list = entry:match("^%+?([^:]+):(%d+):(.+)$")
  end
  if host == nil or tonumber(port) > 65535 then
    return nil
  end
  local addresses = {}
  for address in (list .. ","):gmatch("([^,]*),") do
    if not is_address(address) then
      return nil
    end
    addresses[#addresses + 1] = address
  end
  return { host = host:lower(), port = tostring(tonumber(port)),
    addresses = table.concat(addresses, ",") }
end

--- Checks the option.
-- @param entries list of strings
-- @return list of {host, port, addresses}; or nil, the entry that is wrong
function pins.parse(entries)
  local list = {}
  for i, entry in ipairs(entries) do
    list[i] = parse(entry)
    if list[i] == nil then
      return nil, i
    end
  end
  return list
end

-- What names the host comes before "*".
local function find(list, host, port)
  local any
  for _, pin in ipairs(list) do
    if pin.port == port then
      if pin.host == host then
        return pin
      end
      any = any or pin.host == "*" and pin
    end
  end
  return any
end

-- Where `connect_to` sends it.
local function redirected(entries, host, port)
  for _, entry in ipairs(entries or {}) do
    local from, from_port, to, to_port = entry:match("^(%[?[^%]]-%]?):(%d*):(%[?[^%]]-%]?):(%d*)$")
    if from and (from == "" or from:lower() == host) and (from_port == "" or from_port == port) then
      return to ~= "" and to:lower() or host, to_port ~= "" and to_port or port
    end
  end
  return host, port
end

--- What the settings say of where a target is.
-- @return nil; or {name, connect_to, resolve}: the name that stands for its addresses,
-- and lists for libcurl's options
function pins.choose(given, target)
  local port = target.origin:match(":(%d+)$")
  local host, to_port = redirected(given.connect_to, target.host, port)
  local pin = not given.unix_socket and find(given.resolve, host, to_port)
  if not pin then
    return nil
  end
  local name = name_for(("%s:%s:%s"):format(host, to_port, pin.addresses))
  return {
    name = name,
    connect_to = { ("%s:%s:%s:%s"):format(target.host, port, name, to_port) },
    -- With "+" libcurl forgets it when it forgets other names.
    resolve = { ("+%s:%s:%s"):format(name, to_port, pin.addresses) },
  }
end

--- A message of libcurl's with the name that the user knows.
function pins.reveal(message, host)
  return (message:gsub("pin%-%d+%.invalid", (host:gsub("%%", "%%%%"))))
end

return pins
