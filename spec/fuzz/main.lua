-- Runs rounds until the time is over: main.lua MODE SECONDS SEED STEPS. Starts
-- the servers, watches each round, and tells how it went.
local codings = require("spec.support.codings")
local servers = require("spec.support.servers")

local mode, seconds, seed, steps = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local round_seconds = tonumber(os.getenv("FUZZ_ROUND_SECONDS") or "90")
local dir = os.getenv("FUZZ_DIR")
local quote = servers.quote

local nginx, hostile, secure = servers.nginx(), servers.hostile(), servers.hostile { tls = true }

-- Twice what should often be asked.
local function urls()
  local list = {}
  local function add(count, url)
    for _ = 1, count do list[#list + 1] = url end
  end
  for _, path in ipairs { "/1k", "/file/x", "/text.txt" } do
    add(4, nginx.url(path))
    add(2, nginx.tls_url(path))
  end
  add(1, nginx.url("/1m"))
  add(1, nginx.url("/upload/a"))
  add(1, nginx.tls_url("/1m"))
  add(1, nginx.unknown_ca_url("/"))
  add(1, nginx.url("/slow?rate=100000"))
  for _, path in ipairs { "/reset", "/reset-after", "/stall", "/stall-headers", "/stall-body",
    "/truncate", "/close-idle", "/reject-early", "/late?delay=0.02", "/trickle", "/bad-chunk",
    "/truncate-chunk", "/not-http", "/nul-header", "/no-reason", "/http10", "/huge-headers",
    "/bad-gzip", "/bytes?n=300000", "/stream?n=200000", "/gzip", "/trailers", "/early-hints",
    "/duplicate-headers", "/status?code=404", "/status?code=304", "/basic", "/redirect",
    "/redirect-loop", "/redirect-chain", "/echo", "/upload" } do
    add(1, hostile.url(path))
    if #path % 3 == 0 then add(1, secure.url(path)) end
  end
  for name, coded in pairs(codings.coded) do
    local path = ("/coded?coding=%s&hex=%s"):format(name, codings.hex(coded))
    add(1, hostile.url(path))
    add(1, hostile.url(path:sub(1, -11)))           -- cut off
    add(1, secure.url(path:sub(1, -4) .. "000&framing=chunked&piece=5"))      -- wrong
  end
  add(4, hostile.url("/bytes"))
  add(2, "http://127.0.0.1:1/")
  add(2, "file://" .. dir .. "/files/a.file")
  local host = "127.0.0.1:" .. hostile.port
  -- Not rtmp: its library waits for the other end as long as it likes.
  -- Not ldap: libcurl 7.88 loses 80 bytes of a request for which
  -- CURLMOPT_MAX_TOTAL_CONNECTIONS leaves no connection.
  for _, scheme in ipairs { "dict", "gopher", "ftp", "imap", "pop3", "smtp", "rtsp", "mqtt", "tftp",
    "telnet", "smb", "ws", "scp", "sftp", "unknown" } do
    add(1, scheme .. "://" .. host .. "/x")
  end
  return table.concat(list, " ")
end

local environment = {
  FUZZ_URLS = urls(), FUZZ_CA = nginx.ca, FUZZ_SOCKET = nginx.unix_socket,
  FUZZ_PORTS = (" 1 %d %d %d %d %d "):format(nginx.port, nginx.tls_port, nginx.unknown_ca_port,
    hostile.port, secure.port),
}

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

-- The command of a round: its own folder, no input, the guard and the sanitizer
-- in front, and an end by a signal that shows where it hangs.
local function command(round)
  local words = { "cd", quote(dir .. "/files"), "&&", "exec", "timeout", "--signal=ABRT",
    "--kill-after=20", tostring(round_seconds), "env" }
  for name, value in pairs(environment) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  words[#words + 1] = "LD_PRELOAD=" .. quote(os.getenv("FUZZ_PRELOAD"))
  words[#words + 1] = quote(os.getenv("LUA"))
  words[#words + 1] = quote(os.getenv("FUZZ_ROOT") .. "/spec/fuzz/round.lua")
  return table.concat(words, " ") .. (" %s %d %d </dev/null >../stdout 2>../stderr"):format(mode,
    round, steps)
end

local function tail(text, count)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return table.concat(lines, "\n", math.max(1, #lines - count + 1))
end

local function report(round, status)
  print(("FAILED: seed %d, status %s. Again: script/fuzz %s--seed %d --rounds 1 --steps %d"):format(
    round, tostring(status), mode == "high" and "--high " or "", round, steps))
  local calls = os.getenv("MULTISOCK_BUILD") .. "/fuzz-" .. round .. ".log"
  os.execute("cd " .. quote(dir) .. "/files && cat journal.old journal >" .. quote(calls) ..
    " 2>/dev/null")
  print("the last calls (more in " .. calls .. "):")
  print(tail(read(dir .. "/files/journal.old") .. read(dir .. "/files/journal"), 40))
  print("what it said:")
  print(tail(read(dir .. "/stderr"), 30))
  print(servers.output("cat " .. quote(dir) .. "/report.* 2>/dev/null"))
end

local most = tonumber(os.getenv("FUZZ_ROUNDS") or "") or math.huge
local started, passed, failed, calls, told = os.time(), 0, 0, 0, os.time()
local round = seed
print(("== fuzz: %s, seed %d, %d steps a round"):format(mode, seed, steps))
while os.time() - started < seconds and passed + failed < most do
  os.execute("cd " .. quote(dir) .. " && rm -rf files report.* && mkdir files" ..
    " && echo content >files/a.file && echo more >files/b.file")
  local ok, _, status = os.execute(command(round))
  calls = calls + (tonumber(read(dir .. "/stdout"):match("(%d+)%s*$")) or 0)
  local reports = servers.output("ls " .. quote(dir) .. "/report.* 2>/dev/null")
  if ok and reports == "" then
    passed = passed + 1
  else
    failed = failed + 1
    report(round, status)
  end
  round = round + 1
  if os.time() - told >= 5 then
    told = os.time()
    print(("%d s: %d rounds, %d calls, next seed %d"):format(told - started, passed + failed, calls,
      round))
  end
end
servers.stop_all()
print(("seeds %d to %d, %d calls"):format(seed, round - 1, calls))
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and passed > 0)
