-- The types whose methods and fields are public, found by making one of each.
local objects = {}

-- An upvalue of a function, by name.
local function upvalue(fn, wanted)
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if name == nil or name == wanted then
      return value
    end
  end
end

--- One object of each type that a program meets.
-- @return list of {prefix, class, methods, c_prefix (of its functions in C)}
function objects.of(ms, core)
  local found = {}
  local function add(prefix, class, methods, c_prefix)
    found[#found + 1] = { prefix = prefix, class = class, methods = methods, c_prefix = c_prefix }
  end
  local function of(value)
    return getmetatable(value).__index
  end
  local request
  local client = ms.client({
    agent = function() return ms.response("") end,
    middleware = { function(asked, next)
      request = asked
      return next(asked)
    end },
  })
  local response = client:get("http://localhost/")
  local task, group
  local each = ms.each({}, print)
  ms.run(function()
    task = ms.spawn(function() end)
    ms.group(function(one)
      group = one
    end)
  end)
  add("client", "multisock.Client", of(client))
  -- Of a C function upvalues have no names; its first has the fields, too.
  add("response", "multisock.Response", upvalue(of(response), ""))
  found[#found].fields = require("multisock.response.fields").computed
  add("headers", "multisock.Headers", upvalue(of(request.headers), "methods"), "headers")
  add("request", "multisock.Request", of(request))
  add("task", "multisock.Task", of(task))
  add("group", "multisock.Group", of(group))
  add("queue", "multisock.Queue", of(ms.queue()))
  add("jar", "multisock.Jar", of(ms.cookies()))
  add("mock", "multisock.Mock", of(ms.mock()))
  add("each", "multisock.Each", of(each))
  local duplex = client:duplex("POST", "http://localhost/")
  add("duplex", "multisock.Duplex", of(duplex))
  duplex:close()
  add("source", "multisock.EventSource", of((client:eventsource("http://localhost/"))))
  add("websocket", "multisock.WebSocket",
    upvalue(require("multisock.websocket").open, "WebSocket"))
  local mime = core.mime()
  add("easy", "multisock.core.Easy", of(core.easy()), "easy")
  add("multi", "multisock.core.Multi", of(core.multi()), "multi")
  add("loop", "multisock.core.Loop", of(core.loop()), "loop")
  add("share", "multisock.core.Share", of(core.share()), "share")
  add("mime", "multisock.core.Mime", of(mime), "mime")
  add("part", "multisock.core.MimePart", of(mime:addpart()), "part")
  add("url", "multisock.core.Url", of(core.url()), "url")
  add("decoder", "multisock.core.Decoder", of(core.decoder("gzip")), "decoder")
  return found
end

-- Tables that a program meets, of which nothing but the fields is to be told.
objects.records = {
  { "err", "multisock.Error" }, { "event", "multisock.Event" },
  { "progress", "multisock.Progress" }, { "timings", "multisock.Timings" },
  { "sizes", "multisock.Sizes" }, { "map", "multisock.MapOptions" }, { "json", "multisock.Json" },
  { "cookie", "multisock.Cookie" }, { "mock_options", "multisock.MockOptions" },
  { "route", "multisock.Route" }, { "reply", "multisock.Reply" }, { "fault", "multisock.Fault" },
  { "call", "multisock.Call" },
  { "events", "multisock.EventOptions" },
  { "server_event", "multisock.ServerEvent" },
  { "stats", "multisock.Stats" }, { "websocket_end", "multisock.WebSocketEnd" },
  { "oauth2", "multisock.OAuth2" }, { "multipart", "multisock.Part" },
}

return objects
