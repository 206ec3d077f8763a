-- `multisock get`: many URLs into files, so many at once.
local core = require("multisock.core")
local arguments = require("multisock.command.arguments")
local command = require("multisock.command")
local download = require("multisock.command.download")
local errors = require("multisock.errors")
local ms = require("multisock")
local names = require("multisock.command.names")
local progress = require("multisock.command.progress")
local report = require("multisock.command.report")
local request = require("multisock.request")
local text = require("multisock.command.text")

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
local DRAW_INTERVAL = 0.1

-- An idle limit is for silence in a body, a first_byte limit for servers that
-- take the request and never answer.
local TIMEOUT = { idle = 60, first_byte = 120 }

-- Descriptors that are neither a download's connection nor its file.
local OTHER_FILES = 64

-- A stopped HTTP/2 stream can end early in libcurl before 8.4.
local SAFE_HTTP2 = 0x080400

local OPTIONS = {
  ["-i"] = { name = "lists", value = "FILE", many = true },
  ["-o"] = { name = "folder", value = "DIR" },
  ["-P"] = { name = "concurrency", value = "N" },
  ["--json"] = { name = "json" },
  ["-q"] = { name = "quiet" },
  ["-h"] = { name = "help" },
  ["--help"] = { name = "help" },
}

---- Arguments -----------------------------------------------------------------

local function no_scheme(url)
  if url:find("^%a[%w+.-]*://") then
    return nil
  end
  return ("'%s' has no scheme: write https://%s"):format(text.clean(url, "?"),
    text.clean(url:gsub("^/+", ""), "?"))
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
    return nil, ("-i: %s"):format(message or path)
  end
  local number = 0
  for line in (content:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local url = line:match("^%s*(.-)%s*$")
    if url ~= "" and url:sub(1, 1) ~= "#" then
      local wrong = no_scheme(url)
      jobs[#jobs + 1] = {
        url = url, size = 0,
        err = wrong and errors.new("url", ("%s:%d: %s"):format(path, number, wrong)),
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

---- Running -------------------------------------------------------------------

local Run = {}
Run.__index = Run

function Run:note(message)
  self.notes[#self.notes + 1] = message
end

-- Records are for programs: when they cannot be had, that is a failure, but
-- the files are still wanted.
function Run:print_record(job)
  if not self.json or self.output_failed then
    return
  end
  if self.display and core.is_terminal(1) then
    self.display:clear()
  end
  local ok, message = io.stdout:write(self.json.encode(report.record(job)), "\n")
  if ok then
    ok, message = io.stdout:flush()
  end
  if not ok then
    self.output_failed = tostring(message)
  end
end

function Run:start(job)
  job.started = ms.now()
  self.active[#self.active + 1] = job
end

function Run:finish(job, err)
  job.seconds = ms.now() - job.started
  for i = #self.active, 1, -1 do
    if self.active[i] == job then
      table.remove(self.active, i)
    end
  end
  if err == nil then
    self.done = self.done + 1
    self.done_bytes = self.done_bytes + job.size
  else
    job.err = err
    job.part_left = job.opened and names.exists(job.part)
    self.failed = self.failed + 1
    self.lost_bytes = self.lost_bytes + job.size
    self.failures[#self.failures + 1] = job
  end
  self:print_record(job)
end

function Run:fetch(job)
  self:start(job)
  local ok, err = nil, job.err
  if err == nil then
    ok, err = download.run(self.client, self.folder, job, function(message)
      self:note(message)
    end)
  end
  self:finish(job, not ok and err or nil)
  return true
end

function Run:watch()
  while true do
    self.display:draw(ms.now())
    ms.sleep(DRAW_INTERVAL)
  end
end

function Run:work()
  ms.group(function(group)
    -- A child of the group, so that it ends when the work fails.
    local watcher = self.display and group:spawn(self.watch, self)
    ms.map(self.jobs, function(job)
      return self:fetch(job)
    end, { concurrency = self.concurrency })
    if watcher then
      watcher:cancel()
    end
  end)
end

-- Those that were cut off: their files are closed and stay as they are.
function Run:abandon_active()
  for _, job in ipairs(self.active) do
    download.abandon(job)
    job.seconds = ms.now() - job.started
    job.part_left = job.opened and names.exists(job.part)
    job.err = errors.cancelled("interrupted")
    self:print_record(job)
  end
end

---- The end -------------------------------------------------------------------

function Run:report()
  local write = function(...)
    io.stderr:write(...)
  end
  if not self.quiet then
    write(report.notes(self.notes))
  end
  write(report.failures(self.failures))
  if self.interrupted and not self.quiet then
    for _, job in ipairs(self.active) do
      if job.part_left then
        write(("unfinished: %s (%s)\n"):format(text.clean(job.part, "?"), text.size(job.size)))
      end
    end
  end
  if self.output_failed then
    write(NAME, ": cannot write to standard output: ", self.output_failed, "\n")
  end
  if not self.quiet then
    write(report.summary(self, ms.now() - self.started, #self.active))
  end
end

local function status_of(run)
  if run.interrupted then
    return 130
  end
  return (run.failed > 0 or run.output_failed) and 1 or 0
end

local function new_display(run)
  if run.quiet or not core.is_terminal(2) or os.getenv("TERM") == "dumb" then
    return nil
  end
  return progress.new(run, function(frame)
    io.stderr:write(frame)
    io.stderr:flush()
  end, progress.terminal_size)
end

local function new_run(options, jobs, at_once, folder, json)
  local run = setmetatable({
    jobs = jobs, count = #jobs, concurrency = at_once, folder = folder, quiet = options.quiet,
    json = json, active = {}, notes = {}, failures = {}, done = 0, failed = 0, done_bytes = 0,
    lost_bytes = 0, started = ms.now(),
  }, Run)
  run.client = ms.client({
    timeout = TIMEOUT,
    fail_on_error = true,
    -- Files are stored as the server has them, and counted against its length.
    decompress = false,
    http_version = ms.version().curl_number < SAFE_HTTP2 and "1.1" or nil,
  })
  run.display = new_display(run)
  return run
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
  local json
  if options.json then
    ok, json = pcall(request.json)
    if not ok then
      return nil, "--json: " .. json
    end
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
  return new_run(options, jobs, at_once, folder, json)
end

--- Runs `multisock get`. @param argv list whose first word is "get"
-- @return the exit status
function get.run(argv)
  local options, urls = arguments.parse(OPTIONS, argv, 2)
  if not options then
    return command.misuse(NAME, urls)
  elseif options.help then
    return command.say(HELP)
  end
  local run, message = prepare(options, urls)
  if not run then
    return command.misuse(NAME, message)
  end
  local ok, err = pcall(ms.run, run.work, run)
  if run.display then
    run.display:clear()
  end
  if not ok then
    run.interrupted = command.is_interrupt(err)
    run:abandon_active()
    if not run.interrupted then
      error(err, 0)
    end
  end
  run:report()
  run.client:close()
  return status_of(run)
end

return get
