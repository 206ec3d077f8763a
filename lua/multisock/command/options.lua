-- The options of `multisock get`: what they are called, what they take, and what they
-- mean to a client and to a download.
local arguments = require("multisock.command.arguments")
local checksums = require("multisock.command.checksums")
local core = require("multisock.core")

local options = {}

-- An idle limit is for silence in a body, a first_byte limit for servers that
-- take the request and never answer.
local TIMEOUT = { idle = 60, first_byte = 120 }

-- short, long, what it does; name: its key; value: what it takes; many: it may stand several
-- times.
local ROWS = {
  { "-i", "--input", name = "lists", value = "FILE", many = true,
    "read URLs from FILE too, one a line; \"-\" is standard input; blank lines and lines that "
    .. "begin with # are ignored" },
  { "-o", "--output-dir", name = "folder", value = "DIR",
    "where the files go (default: here); made when it is not there" },
  { "-O", "--output", name = "output", value = "NAME", "the name of the file, of a single URL" },
  { "-P", "--parallel", name = "concurrency", value = "N", "how many at once (default: 8)" },
  { nil, "--segments", name = "segments", value = "N",
    "so many connections for each large file (default: 1)" },
  { nil, "--checksum", name = "checksum", value = "FILE",
    "a list of SHA-256 checksums, as sha256sum writes it, with the name of each file; one that "
    .. "is not as it says does not get its name" },
  { nil, "--skip-existing", name = "skip_existing",
    "a file that is there already is not fetched" },
  { nil, "--no-resume", name = "no_resume",
    "begin anew where a NAME.part is left from before" },
  { nil, "--retry", name = "retry", value = "N",
    "try so often again what fails for a moment (default: go on 5 times after a cut, but try no "
    .. "failed request again)" },
  { "-m", "--max-time", name = "max_time", value = "S",
    "seconds that each file may take (default: no limit)" },
  { nil, "--limit-rate", name = "limit_rate", value = "B",
    "bytes a second of each file at most: 200K, 1.5M" },
  { "-H", "--header", name = "headers", value = "LINE", many = true,
    "a header to send, 'Name: value'; may be given several times" },
  { "-u", "--user", name = "user", value = "U:P",
    "user and password, for servers that ask for them (basic)" },
  { "-x", "--proxy", name = "proxy", value = "URL",
    "the proxy to ask (default: what the environment says)" },
  { nil, "--cacert", name = "cacert", value = "FILE",
    "the authorities to trust, in place of the system's" },
  { "-k", "--insecure", name = "insecure", "do not check certificates" },
  { nil, "--har", name = "har", value = "FILE",
    "write what was sent and received to FILE, for a browser's network panel; secrets are left "
    .. "out" },
  { nil, "--waterfall", name = "waterfall", value = "FILE.svg",
    "draw what each request spent its time with: queue, dns, connect, tls, wait, receive" },
  { nil, "--json", name = "json",
    "print a JSON record for each URL on standard output as it ends: url, ok, size, status, "
    .. "seconds, path, resumed_from, sha256, skipped, part, error {kind, message}" },
  { "-q", "--quiet", name = "quiet", "print nothing but failures" },
  { "-h", "--help", name = "help", "this text" },
}

local KNOWN = {}
for _, row in ipairs(ROWS) do
  KNOWN[row[2]] = row
  if row[1] then
    KNOWN[row[1]] = row
  end
end

-- Where the texts begin, and end.
local COLUMN, COLUMNS = 26, 79

--- The part of the help that tells of each.
function options.help()
  local lines = {}
  for _, row in ipairs(ROWS) do
    local line = ("  %s %s%s"):format(row[1] and row[1] .. "," or "   ", row[2],
      row.value and " " .. row.value or "")
    line = line .. (" "):rep(COLUMN - #line - 1)
    for word in row[3]:gmatch("%S+") do
      if #line + 1 + #word > COLUMNS then
        lines[#lines + 1], line = line, (" "):rep(COLUMN - 1)
      end
      line = line .. " " .. word
    end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n") .. "\n"
end

---- Values --------------------------------------------------------------------

local function number(least, most)
  return function(value)
    local found = value:find("^%d+$") and tonumber(value)
    if not found or found < least or found > most then
      return nil, ("a whole number of %d or more is wanted"):format(least)
    end
    return found
  end
end

local function seconds(value)
  local found = value:find("^%d*%.?%d*$") and tonumber(value)
  if not found or found <= 0 then
    return nil, "a number of seconds is wanted"
  end
  return found
end

local UNITS = { [""] = 1, k = 1024, m = 1024 ^ 2, g = 1024 ^ 3 }

local function rate(value)
  local digits, unit = value:match("^(%d*%.?%d*)([kKmMgG]?)$")
  local found = digits and tonumber(digits)
  found = found and math.floor(found * UNITS[unit:lower()])
  if not found or found < 1 then
    return nil, "bytes a second are wanted, such as 200K"
  end
  return found
end

local function header_lines(list)
  local fields = {}
  for _, line in ipairs(list) do
    local name, value = line:match("^([^:%s]+):%s*(.*)$")
    if name == nil then
      return nil, "'Name: value' is wanted"
    end
    fields[name] = fields[name] or {}
    table.insert(fields[name], value)
  end
  return fields
end

local function user_and_password(value)
  local user, password = value:match("^([^:]*):(.*)$")
  if user == nil then
    return nil, "USER:PASSWORD is wanted"
  end
  return { user, password }
end

local function file_name(value)
  if value == "-" then
    return nil, "the name of a file is wanted: a download does not go to standard output"
  elseif value == "" or value == "." or value == ".." or value:find("/") then
    return nil, "a name without a folder is wanted (-o DIR names the folder)"
  end
  return value
end

local function folder_name(value)
  if value == "" then
    return nil, "the name of a folder is wanted"
  end
  return value
end

local CHECKS = {
  concurrency = number(1, 1000000), segments = number(1, 1000), retry = number(0, 1000000),
  max_time = seconds, limit_rate = rate, headers = header_lines, user = user_and_password,
  output = file_name, folder = folder_name, checksum = checksums.read,
}
-- Not to be shown.
local SECRET = { headers = true, user = true }

local function said(row, value)
  local name = row[1] or row[2]
  return SECRET[row.name] and name or name .. " " .. tostring(value)
end

--- Reads the words of a command line.
-- @param argv list whose first word is "get"
-- @return table of options by key, list of operands; or nil, message
function options.parse(argv)
  local given, operands = arguments.parse(KNOWN, argv, 2)
  if given == nil then
    return nil, operands
  end
  for _, row in ipairs(ROWS) do
    local value, check = given[row.name], CHECKS[row.name]
    if value ~= nil and check then
      local message
      given[row.name], message = check(value)
      if given[row.name] == nil then
        return nil, said(row, value) .. ": " .. message
      end
    end
  end
  return given, operands
end

---- What they mean ------------------------------------------------------------

--- The options of the client that fetches all of them.
function options.of_client(given)
  local limit = given.limit_rate
  return {
    timeout = TIMEOUT,
    headers = given.headers,
    auth = given.user and { basic = given.user },
    proxy = given.proxy ~= "" and given.proxy,  -- "": none, as curl has it
    tls = (given.cacert or given.insecure) and {
      ca = given.cacert, verify = not given.insecure,
    } or nil,
    retry = given.retry and { limit = given.retry },
    curl = limit and {
      max_recv_speed_large = math.max(1, math.floor(limit / (given.segments or 1))),
    },
    http_version = core.quirks().h2_pause_truncates and "1.1" or nil,
  }
end

--- The options of each download.
function options.of_download(given)
  return {
    segments = given.segments,
    resume = not given.no_resume,
    tries = given.retry,
    timeout = given.max_time,
  }
end

return options
