-- The option `cache`: an HTTP cache of RFC 9111, the client's own ("private"). What is
-- right is in cache/rules.lua; here it is done: found, sent, kept, served.
local clock = require("multisock.base.clock")
local errors = require("multisock.base.errors")
local exchange = require("multisock.middleware.cache_exchange")
local keys = require("multisock.cache.keys")
local made = require("multisock.response.made")
local response_class = require("multisock.response")
local rules = require("multisock.cache.rules")
local targets = require("multisock.request.targets")
local tasks = require("multisock.tasks")

local MEMORY_SIZE, FOLDER_SIZE = 32 * 1024 * 1024, 256 * 1024 * 1024

-- The store that a request uses: its client's, in memory or for a folder. Without one:
-- nil, err.
local function store_of(request)
  local client, given = request.client, request.settings.cache
  local stores, name = client.stores or {}, given.path or ""
  client.stores = stores
  local store, err = stores[name], nil
  if store == nil then
    if given.path then
      store, err = require("multisock.cache.disk").open(given.path, given.max_size or FOLDER_SIZE)
    else
      store = require("multisock.cache.memory").new(given.max_size or MEMORY_SIZE)
    end
    stores[name] = store
  end
  return store, err
end

---- Asking --------------------------------------------------------------------

-- Asks for it again while the old answer is used (RFC 5861 3): once at a time, and whatever
-- becomes of who wanted it.
local function renew(ask, entry)
  local running = ask.store.running or {}
  local name = ask.key.url .. " " .. ask.key.identity
  ask.store.running = running
  if running[name] then
    return
  end
  running[name] = true
  local request = ask.request:clone()
  request.deadline, request.first = nil, nil
  local again = setmetatable({ request = request }, { __index = ask })
  local task = tasks.spawn_outside(function()
    local response = exchange.ask(again, entry)
    if response then
      response:discard(ask.store.most_body)
    end
  end)
  tasks.when_done(task, function()
    running[name] = nil
  end)
end

---- Requests ------------------------------------------------------------------

local function no_answer(ask)
  if ask.mode == "only-if-cached" then
    return nil, errors.new("policy", 'there is no stored answer (cache = "only-if-cached")',
      { url = ask.request:url(), phase = "queue", attempts = 1 })
  end
  local response = made.new("", { status = 504 })
  response.status_text, response.request = "Gateway Timeout", ask.request
  response.attempts = 0
  return response
end

-- Whether it may wait for the answer to another one like it.
local function may_wait(ask)
  local mode = ask.mode
  return ask.coalesce and ask.request.method == "GET" and (mode == nil or mode == "default"
    or mode == "force-cache") and not (ask.cc["no-cache"] or ask.cc["no-store"])
end

local answer

function answer(ask)
  local entry = ask.mode ~= "reload" and ask.key:choose(ask.store:find(ask.key.url)) or nil
  local verdict = entry and rules.judge(entry.facts, ask.cc, clock.time(), ask.mode)
  if entry and verdict ~= "validate" then
    local response = exchange.serve(ask, entry, verdict == "background" and "stale" or verdict)
    if response then
      if verdict == "background" then
        renew(ask, entry)
      end
      return response
    end
    entry = nil
  end
  if ask.mode == "only-if-cached" or ask.cc["only-if-cached"] then
    return no_answer(ask)
  elseif may_wait(ask) then
    return require("multisock.middleware.coalesce").send(ask, entry, answer)
  end
  return exchange.ask(ask, entry)
end

-- A change makes what is stored old (4.4): there, and where the answer says so, if that is
-- the same server's.
local function invalidate(store, request, response)
  store:remove(keys.url(request.target))
  for _, name in ipairs({ "location", "content-location" }) do
    local value = response.headers:get_all(name)[1]
    local target = value and targets.resolve(request.target, value)
    if target and target.origin == request.target.origin then
      store:remove(keys.url(target))
    end
  end
end

local SAFE = { GET = true, HEAD = true, OPTIONS = true, TRACE = true }

-- Conditions that are answered by what is stored, and fields with which nothing is.
local OWN = { ["if-none-match"] = true, ["if-modified-since"] = true }
local ROUND = {
  ["range"] = true, ["if-range"] = true, ["if-match"] = true, ["if-unmodified-since"] = true,
}

-- The request's own conditions, or nil; and whether it goes round the cache.
local function conditions_of(request)
  local list, own = request:fields(), nil
  for i = 1, #list do
    local name = list[i][1]:lower()
    if ROUND[name] then
      return nil, true
    elseif OWN[name] then
      own = own or {}
      own[name] = own[name] and own[name] .. ", " .. list[i][2] or list[i][2]
    end
  end
  return own, request.body ~= nil
end

-- Answers from what is stored where that is right, sends it otherwise. Returns a response;
-- or nil, err.
local function send(request, next)
  local given, raw = request.settings.cache, request.settings.curl
  if given.mode == "no-store" or not request.target.web or request.client.closed then
    return next(request)
  end
  local store, err = store_of(request)
  if store == nil then
    return nil, err
  end
  local method = raw and raw.customrequest or request.method
  if method ~= "GET" and method ~= "HEAD" then
    local response
    response, err = next(request)
    if response and not SAFE[method] and response.status >= 200 and response.status < 400 then
      invalidate(store, request, response)
    end
    return response, err
  end
  local conditions, round = conditions_of(request)
  local ask = {
    store = store, request = request, next = next, mode = given.mode, conditions = conditions,
    cc = rules.asked(request:fields()), key = not round and keys.of(request, store.salt) or nil,
    coalesce = given.coalesce,
  }
  if ask.key == nil then
    return given.mode == "only-if-cached" and no_answer(ask) or next(request)
  end
  local response
  response, err = answer(ask)
  if request.settings.buffer and response and response.cached then
    return response_class.buffered(response)
  end
  return response, err
end

local cache = {}

--- @param next function(request) -> response; or nil, err
-- @return the same kind of function
function cache.around(next)
  return function(request)
    return send(request, next)
  end
end

return cache
