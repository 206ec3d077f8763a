-- ms.download: what its arguments say. The work is in job.lua.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local job = require("multisock.download.job")
local own_options = require("multisock.request.own_options")
local pairs = require("multisock.base.compat").pairs
local settings = require("multisock.request.settings")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")

local download = {}

---- Options -------------------------------------------------------------------

local checks = require("multisock.request.options").checks
local expected = checks.expected

local function checksum(name, value)
  local digits = type(value) == "string" and value:match("^[Ss][Hh][Aa]256:(%x+)$")
  if not digits or #digits ~= 64 then
    expected(name, '"sha256:" and 64 hexadecimal digits', value)
  end
  local ok, message = core.sha256()
  if not ok then
    error("option 'checksum': " .. message, 0)
  end
  return digits:lower()
end

-- What a download takes beside the options of requests, as rows: see request/options.lua.
local OWN = {
  checksum = { check = checksum, type = "string",
    doc = '`"sha256:HEX"`: what the whole file has to have' },
  segments = { check = checks.size, type = "integer", default = 1,
    doc = "so many connections at once, for a large file whose size and version the server "
      .. "tells; from others one" },
  resume = { check = checks.boolean, type = "boolean", default = true,
    doc = "goes on with what an earlier download has left; `false`: begins anew" },
  tries = { check = checks.count, type = "integer", default = 5,
    doc = "how often in a row it goes on after a cut without anything gained; 0: never" },
  fsync = { check = checks.boolean, type = "boolean", default = false,
    doc = "what is written is on the disk before it counts: it survives a loss of power" },
  progress = { check = checks.callable, type = "fun(progress: multisock.Progress)",
    doc = "is told how far it is, 10 times a second at most" },
}
download.rows = OWN

-- What a download does by itself, and what would not be a download.
local REFUSED = {}
for _, name in ipairs({ "method", "body", "json", "form", "multipart", "buffer", "decompress",
  "fail_on_error" }) do
  REFUSED[name] = " is not for downloads"
end
local OWN_HEADERS = { range = true, ["if-range"] = true }

local function check_headers(given)
  local ok, list = pcall(headers.to_list, given, 0)
  if not ok then
    errors.misuse(list)
  end
  local kept = {}
  for _, field in ipairs(list) do
    local name = field[1]:lower()
    if OWN_HEADERS[name] then
      errors.misuse(("download: the header %s is set by the download itself"):format(field[1]))
    elseif name ~= "accept-encoding" then
      kept[#kept + 1] = field
    end
  end
  return kept
end

-- Silence that is too long for somebody who waits for a file.
local IDLE = 60

-- The limits of each request, and seconds for all of them (nil: no limit).
local function timeouts(client, given)
  local limits, base = {}, client.settings.timeout
  if type(given) == "number" then
    given = { total = given }
  elseif given ~= nil and type(given) ~= "table" then
    expected("timeout", "number or table", given)
  end
  for name, value in pairs(given or {}) do
    limits[name] = value
  end
  local total = limits.total or client.settings.total or nil
  limits.total = math.huge
  limits.idle = limits.idle or rawget(base, "idle") == nil and IDLE or nil
  if total and (type(total) ~= "number" or total <= 0 or total ~= total) then
    expected("timeout.total", "seconds above 0", total)
  end
  return limits, total and total < math.huge and total or nil
end

--- @return options of the job, options of its requests
local function check_options(client, options)
  local own, request = own_options.split("download", OWN, REFUSED, options)
  request.headers = options.headers and check_headers(options.headers) or {}
  request.timeout, own.total = own_options.checked("download", timeouts, client,
    options.timeout)
  request.decompress, request.fail_on_error = false, true
  if own.segments > 1 then
    request.http_version = "1.1"    -- a connection each
  end
  request.cache = false             -- the file is what is kept
  local ok, message = pcall(settings.derive, client.settings, request)
  if not ok then
    errors.misuse(message)          -- here, not in the task that sends them
  end
  return own, request
end

local function check_source(source)
  local list = type(source) == "string" and { source } or source
  if type(list) ~= "table" or values.odd_key(list) ~= nil or #list == 0 then
    errors.misuse("download: URL or list of URLs expected, got " .. values.describe(source))
  end
  for i, url in ipairs(list) do
    if type(url) ~= "string" then
      errors.misuse(("download: URL %d: string expected, got %s"):format(i, values.describe(url)))
    end
  end
  return list
end

---- Running -------------------------------------------------------------------

--- Makes a download that has not begun.
-- @return job: see job.lua
function download.new(client, source, path, options)
  local urls = check_source(source)
  if type(path) == "string" and path:find("^%a[%w+.-]*://") then
    errors.misuse(("download: path of a file expected, got the URL %s: it comes first"):format(
      errors.quote(errors.redact_url(path))))
  elseif type(path) ~= "string" or path == "" or path:find("%z") then
    errors.misuse("download: path of a file expected, got " .. (type(path) == "string"
      and errors.quote(path) or values.describe(path)))
  end
  if client.closed then
    errors.misuse("the client is closed")
  end
  local given, request = check_options(client, options or {})
  given.client, given.urls, given.path, given.request = client, urls, path, request
  return job.new(given)
end

-- Runs it in a task of its own, whose end lets go of the file however it comes. (No pcall:
-- Lua 5.1 could not wait in it.)
local function run_task(made)
  local task = tasks.spawn(made.run, made)
  tasks.when_done(task, function()
    made:close()
  end)
  return task:await()
end

--- Runs it. @return as ms.download
function download.run(made)
  local _, err
  if made.total then
    _, err = tasks.with_timeout(made.total, run_task, made)
  else
    _, err = tasks.group(function()
      return run_task(made)
    end)
  end
  if made.result then
    return made.result              -- also when the limit came a moment after it
  elseif err.url == nil then
    if made.total and err.kind == "timeout" then       -- not one of a request
      err.message = err.message .. " (timeout.total)"
    end
    err.url = errors.without_user(made.mirror and made.mirror.url or made.urls[1])
  end
  return nil, err
end

return download
