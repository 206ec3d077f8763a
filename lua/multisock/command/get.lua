-- `multisock get`: what its arguments say, and its exit status.
local core = require("multisock.core")
local batch = require("multisock.command.batch")
local errors = require("multisock.base.errors")
local ms = require("multisock")
local names = require("multisock.command.names")
local options = require("multisock.command.options")
local output = require("multisock.command.output")
local pictures = require("multisock.command.pictures")
local targets = require("multisock.request.targets")

local get = {}

local HELP = [[
usage: multisock get URL... [options]

Downloads every URL into a file, several at once.

%s
A file is named after the last part of its URL's path (index.html when there is
none) and is NAME.part until it is complete. Nothing is overwritten: when NAME
is taken, NAME.1, NAME.2 ... is used, and the summary says so. A NAME.part from
before is gone on with when the server proves that it is of the same file (what
is known of it is in NAME.part.json), and replaced when not. A status of 400 or
more is a failure; so are a server that does not begin to answer for 120 s and
one that sends nothing for 60 s. Headers and --user go to every URL.

Exit status: 0 all well, 1 something failed, 2 wrong arguments, 130 interrupted.
]]

local NAME = "multisock get"
local DEFAULT_CONCURRENCY = 8
-- Descriptors that are neither a download's connection nor its file.
local OTHER_FILES = 64

local function no_scheme(url)
  if url:find("^%a[%w+.-]*://") then
    return nil
  end
  return ("'%s' has no scheme: write https://%s"):format(errors.redact_text(url),
    errors.redact_text(url:gsub("^/+", "")))
end

-- Adds the URLs of a file. One without scheme is a failure of its own, that
-- does not keep the others from being fetched.
local function read_list(path, jobs)
  local file, message = io.stdin, nil
  if path ~= "-" then
    file, message = io.open(path, "r")
  end
  local content
  if file then
    content, message = file:read("*a")
  end
  if content == nil then
    return nil, ("-i %s: %s"):format(path, (message:gsub("^.*: ", "")))
  end
  local where = path == "-" and "standard input" or path
  local number = 0
  for line in (content:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local url = targets.trim(line)
    if url ~= "" and url:sub(1, 1) ~= "#" then
      local wrong = no_scheme(url)
      jobs[#jobs + 1] = {
        url = url, size = 0,
        err = wrong and errors.new("url", ("%s:%d: %s"):format(where, number, wrong)),
      }
    end
  end
  return true
end

local function make_jobs(given, urls)
  local jobs = {}
  for _, url in ipairs(urls) do
    local wrong = no_scheme(url)
    if wrong then
      return nil, wrong
    end
    jobs[#jobs + 1] = { url = url, size = 0 }
  end
  for _, path in ipairs(given.lists or {}) do
    local ok, message = read_list(path, jobs)
    if not ok then
      return nil, message
    end
  end
  if #jobs == 0 and given.lists == nil then
    return nil, "no URL given"
  elseif given.output and #jobs > 1 then
    return nil, ("-O %s: a name for one URL, but there are %d"):format(given.output, #jobs)
  end
  return jobs
end

-- How many at once: as asked, or as many as the process may open files for.
local function concurrency(given, complain)
  local wanted = given.concurrency or DEFAULT_CONCURRENCY
  local files = core.open_files()
  local each = 1 + (given.segments or 1)
  local most = files and math.max(1, math.floor((files - OTHER_FILES) / each))
  if most and wanted > most then
    complain(("-P %d: %d at once, as only %d files may be open (ulimit -n)"):format(wanted, most,
      files))
    wanted = most
  end
  return wanted
end

-- What the arguments say, ready to run; or nil, message.
local function prepare(given, urls)
  local jobs, message = make_jobs(given, urls)
  if not jobs then
    return nil, message
  end
  local at_once = concurrency(given, function(complaint)
    if not given.quiet then
      io.stderr:write(NAME, ": ", complaint, "\n")
    end
  end)
  local kept
  kept, message = pictures.begin(given)
  if not kept then
    return nil, message
  end
  local defaults = options.of_client(given)
  defaults.agent = kept.agent
  local ok, client = pcall(ms.client, defaults)
  if not ok then
    return nil, (tostring(client):gsub("^[^\n]-:%d+: ", ""))
  end
  local folder = names.folder(given.folder)
  ok, message = folder:make()
  if not ok then
    return nil, "-o " .. given.folder .. ": " .. message
  end
  return batch.new({
    jobs = jobs, concurrency = at_once, quiet = given.quiet, json = given.json, each = {
      client = client, folder = folder, options = options.of_download(given), name = given.output,
      checksums = given.checksum, skip_existing = given.skip_existing,
    },
    pictures = kept,
  })
end

--- Runs `multisock get`. @param argv list whose first word is "get"
-- @return the exit status
function get.run(argv)
  local given, urls = options.parse(argv)
  if not given then
    return output.misuse(NAME, urls)
  elseif given.help then
    return output.say((HELP:gsub("%%s", function()
      return options.help()
    end)))
  end
  local run, message = prepare(given, urls)
  if not run then
    return output.misuse(NAME, message)
  end
  local ok = run:run(output.is_interrupt)
  if ok == nil then
    return 130
  end
  return ok and 0 or 1
end

return get
