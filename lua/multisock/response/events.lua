-- Server-sent events of a body, by the rules of WHATWG HTML 9.2: for response:events() and
-- eventsource.lua. Loaded at first use.
local errors = require("multisock.base.errors")
local lines = require("multisock.response.lines")
local pieces = require("multisock.response.pieces")
local values = require("multisock.base.values")

local byte, find, sub = string.byte, string.find, string.sub

local events = {}

--- One of a stream of events. What only the last ones have said holds for the next, too.
-- @class multisock.ServerEvent
-- @field type string `"message"` where it has none
-- @field data any string, its lines joined by `"\n"`; with `json` what that decodes to
-- @field id string the last one that came; `""` before
-- @field retry? number seconds that the server wants between two connections, as it has said
-- last

--- What response:events() takes.
-- @class multisock.EventOptions
-- @field max_size? integer bytes of an event's data, and of a line, at most (1 MiB)
-- @field done? string|fun(event: multisock.ServerEvent): boolean the data of the event that is the
-- last one, such as `"[DONE]"`, or a function that knows it. It is not given; an end without
-- it raises (kind "closed")
-- @field json? boolean decodes the data of each event; what is no JSON raises (kind "protocol")

local OPTIONS = { max_size = true, done = true, json = true }
local BOM = "\239\187\191"

--- Checks the options of events(), but for the size.
-- @param what string: who takes them
function events.check(what, options)
  local done, json = options.done, options.json
  if done ~= nil and type(done) ~= "string" and type(done) ~= "function" then
    errors.misuse(("%s: done: string or function expected, got %s"):format(what,
      values.describe(done)))
  elseif json ~= nil and type(json) ~= "boolean" then
    errors.misuse(("%s: json: boolean expected, got %s"):format(what, values.describe(json)))
  end
end

--- Events of lines. @param most bytes of an event's data @param too_large function() -> err
-- @param told table: `id` and `retry`, what the stream has said of them last
-- @return function() -> event; nil at the end; nil, err
local function parser(next_line, most, too_large, told)
  local id, first = told.id, true
  local kind, data, more, size = "", nil, nil, 0

  local function add(value)
    size = size + #value + 1
    if data == nil then
      data = value                  -- the usual case: it is the only one
      return
    end
    if more == nil then
      more = pieces.new("\n")
      more:add(data)
    end
    more:add(value)
  end

  local function take()
    local event = { type = kind ~= "" and kind or "message", data = more and more:whole() or data,
      id = id, retry = told.retry }
    data, more, size = nil, nil, 0
    return event
  end

  return function()
    while true do
      local line, err = next_line()
      if line == nil then
        return nil, err
      elseif first then
        first = false
        line = sub(line, 1, 3) == BOM and sub(line, 4) or line
      end
      local colon = find(line, ":", 1, true)
      if line == "" then
        local event = data and take()
        kind, told.id = "", id
        if event then
          return event
        end
      elseif colon ~= 1 then        -- else it is a comment
        local name, value = line, ""
        if colon then
          name = sub(line, 1, colon - 1)
          value = sub(line, byte(line, colon + 1) == 32 and colon + 2 or colon + 1)
        end
        if name == "data" then
          add(value)
          if size > most + 1 then
            return nil, too_large()
          end
        elseif name == "event" then
          kind = value
        elseif name == "id" and not find(value, "\0", 1, true) then
          id = value
        elseif name == "retry" and find(value, "^%d+$") then
          told.retry = tonumber(value) / 1000
        end
      end
    end
  end
end

--- Events of a response.
-- @param options? table: as response:events() has them
-- @param decode function(text) -> value; or nil, err @param fail function(kind, message) -> err
-- @param told? table as the parser has it: what streams before this one have said
-- @return function() -> event; nil at the end; nil, err
function events.reader(response, options, decode, fail, told)
  local most = lines.longest("events", options, OPTIONS)
  options = options or {}
  events.check("events", options)
  local done, json, ended = options.done, options.json, false
  local function too_large()
    return fail("too_large", ("an event is larger than max_size (%.0f bytes)"):format(most))
  end
  local next_event = parser(lines.reader(function()
    return response:read()
  end, most, too_large, true), most, too_large, told or { id = "" })
  local is_last = type(done) == "function" and done or done and function(event)
    return event.data == done
  end
  return function()
    local event, err
    if not ended then
      event, err = next_event()
    end
    if event == nil then
      if is_last and not (ended or err) then
        err = fail("closed", "the stream of events has ended too early: " .. (done == is_last
          and "none was the last one" or "without " .. errors.quote(done)))
      end
      return nil, err
    elseif is_last and is_last(event) then
      ended = true
      response:drain()
      return nil
    elseif json then
      event.data, err = decode(event.data)
      if err then
        return nil, fail("protocol", ("the data of an event (%s) is no JSON: %s"):format(
          errors.quote(event.type), err.message))
      end
    end
    return event
  end
end

return events
