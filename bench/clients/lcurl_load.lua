-- What the two Lua-cURLv3 clients share: the handles, and what is done with a
-- finished one. They differ in how they drive the multi.
local curl = require "cURL"
local folder = arg[0]:match("^(.*/)")
local support, kinds = dofile(folder .. "support.lua"), dofile(folder .. "lcurl_kinds.lua")

local load = {}

--- @param name string @param now function, seconds
function load.new(name, now)
  local options = support.options(arg, name, "stream", "save", "inflight", "http2", "kind")
  local tally = support.tally(name, options, now)
  local self = {options = options, tally = tally, running = 0, states = {}}
  local kind = kinds.find(options.kind, options.url)
  self.multi = curl.multi()
  if options.inflight then
    tally.unstarted = options.inflight
  end

  local function reader(state)
    if options.save then
      return function(chunk)
        state.length = state.length + #chunk
        return state.file:write(chunk) and #chunk or 0
      end
    elseif options.stream then
      return function(chunk)
        state.length = state.length + #chunk
        state.look = chunk:byte() + chunk:byte(-1)
        return #chunk
      end
    end
    return function(chunk)
      state.parts[#state.parts + 1] = chunk
      return #chunk
    end
  end

  local function start(easy, state)
    state.parts, state.length, state.started = {}, 0, tally:start()
    state.found = nil
    if options.save then
      state.file = assert(io.open(options.save, "wb"))
    end
    if kind.request then
      kind.request(easy)
    end
    self.running = self.running + 1
    self.multi:add_handle(easy)
  end

  local function fault(easy, state, ok, err)
    local length = state.length + #table.concat(state.parts)
    if not ok then
      return err or "it failed without a reason"
    elseif easy:getinfo(curl.INFO_RESPONSE_CODE) ~= 200 then
      return "the status is not 200"
    elseif length ~= tally:expect(length) then
      return "the body has the wrong length"
    elseif kind.header and not kind.right(state.found) then
      return "what is looked at is not there"
    end
  end

  function self.start_all()
    for _ = 1, options.inflight or options.connections do
      if tally:take() then
        local state = {}
        local easy = curl.easy {
          url = options.url, nosignal = true, writefunction = reader(state),
          accept_encoding = "gzip, br, zstd", useragent = "lua-curl/0.3.13",
          http_version = options.http2 and curl.HTTP_VERSION_2TLS or curl.HTTP_VERSION_1_1,
          ssl_verifypeer = not options.insecure, ssl_verifyhost = options.insecure and 0 or 2,
        }
        if options.http2 then
          easy:setopt(curl.OPT_PIPEWAIT, true)
        end
        if kind.handle then
          kind.handle(easy)
        end
        if kind.header then
          easy:setopt_headerfunction(kind.header(state))
        end
        self.states[easy] = state
        start(easy, state)
      end
    end
  end

  --- Reads what has finished; starts the next ones.
  function self.read_messages()
    while true do
      local easy, ok, err = self.multi:info_read(true)
      if easy == 0 or not easy then
        return
      end
      local state = self.states[easy]
      if state.file then
        state.file:close()
      end
      self.running = self.running - 1
      tally:finish(fault(easy, state, ok, err), state.started)
      if tally:take() then
        start(easy, state)
      end
    end
  end

  return self
end

load.WARM_UP = support.WARM_UP

return load
