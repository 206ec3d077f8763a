-- Events as lines for people, on standard error: MULTISOCK_TRACE=1. URLs and messages come
-- from strangers, and may hold secrets.
local errors = require("multisock.base.errors")
local secrets = require("multisock.request.secrets")
local terminal = require("multisock.base.terminal")
local text = require("multisock.base.text")

local printer = {}

-- Columns of a line where there is no terminal, and the fewest.
local USUAL, LEAST = 160, 60

---- What is said of each -------------------------------------------------------

local function milliseconds(seconds)
  local ms = seconds * 1000
  if ms >= 99950 then
    return ("%.0f s"):format(seconds)
  end
  return ("%." .. (ms < 9.995 and 2 or ms < 99.95 and 1 or 0) .. "f ms"):format(ms)
end

local function status_of(response)
  local parts = { tostring(response.status) }
  if response.http_version then
    parts[#parts + 1] = "HTTP/" .. response.http_version
  end
  if response.cached then
    parts[#parts + 1] = "cache: " .. response.cached
  end
  return table.concat(parts, " ")
end

local function outcome_of(event)
  if event.err then
    local err = event.err
    return errors.is(err) and ("%s: %s"):format(err.kind, err.message) or tostring(err)
  end
  return event.response and status_of(event.response) or ""
end

local says = {
  response = outcome_of, error = outcome_of,
}

function says.throttle(event)
  return ("held up for %s or longer"):format(milliseconds(event.delay))
end

function says.connect(event, room)
  local peer = event.peer or ""
  if event.reused then
    return "kept, " .. peer
  end
  local t = event.timings
  local connected = t.connect > 0 and ", tcp " .. milliseconds(t.connect - t.dns) or ""
  local tls = t.tls > 0 and ", tls " .. milliseconds(t.tls - t.connect) or ""
  local steps = ("dns %s%s%s"):format(milliseconds(t.dns), connected, tls)
  local whole = ("new, %s, %s"):format(steps, peer)
  return #whole <= room and whole or steps
end

function says.headers(event)
  return status_of(event.response)
end

-- How a WebSocket was closed, and what went over it.
local function traffic_of(socket)
  return ("closed %d, sent %d (%s), received %d (%s)"):format(socket.close_code, socket.sent,
    text.size(socket.sent_bytes), socket.received, text.size(socket.received_bytes))
end

function says.done(event)
  if event.err then
    return outcome_of(event)
  elseif event.websocket then
    return traffic_of(event.websocket)
  end
  local sizes, timings = event.sizes, event.timings
  return (sizes and text.size(sizes.body) or "") .. (timings
    and ", in all " .. milliseconds(timings.total) or "")
end

function says.message(event)
  return ("%s, %s, %s"):format(event.direction, event.kind, text.size(event.size))
end

function says.retry(event)
  return ("after %s: %s"):format(milliseconds(event.delay), outcome_of(event))
end

function says.redirect(event)
  return event.response.status .. " to " .. secrets.hide_url(event.to)
end

---- Lines -------------------------------------------------------------------

local RED, GREEN, YELLOW, CYAN, DIM = "31", "32", "33", "36", "2"

local function colour_of(event)
  local response = event.response
  if event.err then
    return event.name == "retry" and YELLOW or RED
  elseif event.name == "retry" or event.name == "throttle" then
    return YELLOW
  elseif event.name == "redirect" then
    return CYAN
  elseif response and (event.name == "headers" or event.name == "response") then
    return response.status >= 500 and RED or response.status >= 400 and YELLOW
      or response.status < 300 and GREEN or nil
  end
end

-- Time, call, event, what it has waited for and how long, what it is about, its URL.
local LINE = "%9s  %-7s %s  %-21s  %s %s"
local BEFORE = #LINE:format("", "", (" "):rep(8), "", "", "")

-- What an event is about has at most so many columns, its URL the rest.
local function columns_of(width)
  local rest = width - BEFORE
  local detail = math.max(12, math.floor(rest * 0.5))
  return detail, math.max(8, rest - detail - 1)
end

--- One event as a line.
-- @param since seconds of the clock at which the trace began @param width columns
-- @param coloured? boolean
-- @return string without a line end
function printer.line(event, since, width, coloured)
  local say = says[event.name]
  local room, rest = columns_of(width)
  local detail = say and say(event, room) or ""
  detail = text.fit(text.clean((detail:gsub("%s+", " ")), "?"), room)
  local url = text.clean(event.method .. " " .. secrets.hide_url(event.url), "?")
  local waited = event.waited_for and ("%-10s %10s"):format(event.waited_for,
    milliseconds(event.waited)) or ""
  local call = ("#%d.%d"):format(event.call, event.attempt)
  local time, name = ("%9.3f"):format(event.time - since), ("%-8s"):format(event.name)
  url = text.fit(url, rest):gsub(" +$", "")
  if coloured then
    local colour = colour_of(event)
    time, url = ("\27[%sm%s\27[0m"):format(DIM, time), ("\27[%sm%s\27[0m"):format(DIM, url)
    name = colour and ("\27[%sm%s\27[0m"):format(colour, name) or name
  end
  return LINE:format(time, call, name, waited, detail, url)
end

--- A function(event) that prints them.
-- @param write? function(string); else to standard error
function printer.new(write)
  local since
  local there = write == nil and terminal.is_there()
  local width = there and math.max(LEAST, terminal.size() - 1) or USUAL
  local coloured = there and (os.getenv("NO_COLOR") or "") == ""
  write = write or function(line)
    io.stderr:write(line)
  end
  return function(event)
    if since == nil then
      since = event.time
      write(LINE:format("seconds", "call", "event   ", "waited for",
        text.fit("what", (columns_of(width))), "request") .. "\n")
    end
    write(printer.line(event, since, width, coloured) .. "\n")
  end
end

return printer
