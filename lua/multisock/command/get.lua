-- `multisock get`: what its arguments say, and its exit status.
local core = require("multisock.core")
local arguments = require("multisock.command.arguments")
local batch = require("multisock.command.batch")
local errors = require("multisock.base.errors")
local names = require("multisock.command.names")
local output = require("multisock.command.output")
local targets = require("multisock.request.targets")

local get = {}

local HELP = [[
usage: multisock get URL... [options]

Downloads every URL into a file, several at once.

  -i FILE    read URLs from FILE too, one a line; "-" is standard input; blank
             lines and lines that begin with # are ignored
  -o DIR     where the files go (default: here); made when it is not there
  -P N       how many at once (default: 8)
  --json     print a JSON record for each URL on standard output as it ends:
             url, ok, size, seconds, status, path, part, error {kind, message}
  -q         print nothing but failures
  -h, --help this text

A file is named after the last part of its URL's path (index.html when there is
none) and is NAME.part until it is complete. Nothing is overwritten: when NAME
is taken, NAME.1, NAME.2 ... is used, and the summary says so. A NAME.part from
before is replaced. A status of 400 or more is a failure; so are a server that
does not begin to answer for 120 s and one that sends nothing for 60 s.

Exit status: 0 all well, 1 something failed, 2 wrong arguments, 130 interrupted.
]]

local NAME = "multisock get"
local DEFAULT_CONCURRENCY = 8
-- Descriptors that are neither a download's connection nor its file.
local OTHER_FILES = 64

local OPTIONS = {
  ["-i"] = { name = "lists", value = "FILE", many = true },
  ["-o"] = { name = "folder", value = "DIR" },
  ["-P"] = { name = "concurrency", value = "N" },
  ["--json"] = { name = "json" },
  ["-q"] = { name = "quiet" },
  ["-h"] = { name = "help" },
  ["--help"] = { name = "help" },
}

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

local function make_jobs(options, urls)
  local jobs = {}
  for _, url in ipairs(urls) do
    local wrong = no_scheme(url)
    if wrong then
      return nil, wrong
    end
    jobs[#jobs + 1] = { url = url, size = 0 }
  end
  for _, path in ipairs(options.lists or {}) do
    local ok, message = read_list(path, jobs)
    if not ok then
      return nil, message
    end
  end
  if #jobs == 0 and options.lists == nil then
    return nil, "no URL given"
  end
  return jobs
end

-- How many at once: as asked, or as many as the process may open files for.
local function concurrency(options, complain)
  local given = options.concurrency
  local wanted = DEFAULT_CONCURRENCY
  if given then
    wanted = given:find("^%d+$") and tonumber(given)
    if not wanted or wanted < 1 or wanted > 1000000 then
      return nil, ("-P %s: a whole number of 1 or more is wanted"):format(given)
    end
  end
  local files = core.open_files()
  local most = files and math.max(1, math.floor((files - OTHER_FILES) / 2))
  if most and wanted > most then
    complain(("-P %d: %d at once, as only %d files may be open (ulimit -n)"):format(wanted, most,
      files))
    wanted = most
  end
  return wanted
end

-- What the arguments say, ready to run; or nil, message.
local function prepare(options, urls)
  local at_once, jobs, ok, message
  at_once, message = concurrency(options, function(complaint)
    if not options.quiet then
      io.stderr:write(NAME, ": ", complaint, "\n")
    end
  end)
  if not at_once then
    return nil, message
  end
  jobs, message = make_jobs(options, urls)
  if not jobs then
    return nil, message
  end
  local folder = names.folder(options.folder)
  ok, message = folder:make()
  if not ok then
    return nil, "-o " .. options.folder .. ": " .. message
  end
  return batch.new({
    jobs = jobs, concurrency = at_once, folder = folder, quiet = options.quiet, json = options.json,
  })
end

--- Runs `multisock get`. @param argv list whose first word is "get"
-- @return the exit status
function get.run(argv)
  local options, urls = arguments.parse(OPTIONS, argv, 2)
  if not options then
    return output.misuse(NAME, urls)
  elseif options.help then
    return output.say(HELP)
  end
  local run, message = prepare(options, urls)
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
