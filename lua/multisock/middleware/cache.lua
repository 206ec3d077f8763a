-- The option `cache`: an HTTP cache of RFC 9111, the client's own ("private"). What is
-- right is in cache/rules.lua; here it is done: found, sent, kept, served.
local clock = require("multisock.base.clock")
local errors = require("multisock.base.errors")
local heads = require("multisock.cache.heads")
local headers = require("multisock.request.headers")
local keys = require("multisock.cache.keys")
local memory = require("multisock.cache.memory")
local made = require("multisock.response.made")
local recorder = require("multisock.cache.recorder")
local rules = require("multisock.cache.rules")
local targets = require("multisock.request.targets")
local tasks = require("multisock.tasks")

local MEMORY_SIZE = 32 * 1024 * 1024

-- The store that a request uses: its client's.
local function store_of(request)
  local client = request.client
  local store = client.store
  if store == nil then
    store = memory.new(request.settings.cache.max_size or MEMORY_SIZE)
    client.store = store
  end
  return store
end

---- Serving -------------------------------------------------------------------

local function reason_of(head)
  local _, reason = headers.parse(head)
  return reason or ""
end

-- A response of what is stored; nil when its body has gone.
-- `how`: "fresh", "stale" or "revalidated".
local function serve(ask, entry, how)
  local body, status, reason = ask.store:body(entry), entry.status, nil
  if body == nil then
    return nil
  elseif ask.conditions and rules.not_modified(ask.conditions, entry.facts) then
    body, status, reason = "", 304, "Not Modified"
  elseif ask.request.method == "HEAD" then
    body = ""
  end
  local response = made.new(body, { status = status })
  response.headers = heads.shown(entry.head, rules.age(entry.facts, clock.time()))
  response.status_text = reason or reason_of(entry.head)
  response.http_version, response.request = entry.http_version, ask.request
  response.cached, response.attempts = how, 0
  return response
end

---- Storing -------------------------------------------------------------------

-- What is stored of an answer, but for its body.
local function new_entry(ask, answer, head, fields, asked_at, got_at)
  local vary = heads.vary(fields)
  return {
    url = ask.key.url, identity = ask.key.identity, status = answer.status, head = head,
    http_version = answer.http_version, asked_at = asked_at, got_at = got_at,
    vary = vary, variant = vary and ask.key:variant(vary),
    facts = rules.facts(answer.status, fields, asked_at, got_at),
  }
end

-- Whether it was sent as it was asked for. What `each_attempt` adds stands in no key: it
-- may be another user's the next time.
local function is_known(ask, response, facts)
  local sent, request = rawget(response, "request"), ask.request
  if sent == nil then
    return true
  elseif sent.target ~= request.target or sent.method ~= request.method then
    return false
  end
  return facts.cc.public or keys.credentials(sent) == keys.credentials(request)
end

local function is_short(fields, most)
  local length = tonumber(fields:get_all("content-length")[1])
  return length == nil or length <= most
end

-- Has an answer stored when its body was read.
local function keep(ask, response, asked_at, got_at)
  local fields, store = response.headers, ask.store
  local head = heads.make(response.status, response.status_text, fields, got_at)
  local entry = new_entry(ask, response, head, fields, asked_at, got_at)
  if entry.vary and rules.may_store(response.status, entry.facts, ask.cc)
    and is_known(ask, response, entry.facts) and is_short(fields, store.most_body) then
    recorder.attach(response, store.most_body, function(body)
      store:put(ask.key, entry, body)
    end)
    return true
  end
  return false
end

-- A stored answer with what a 304, or an answer to HEAD, says of it. That may be that it
-- is not to be stored any longer.
local function renewed(ask, entry, newer, asked_at, got_at)
  local head = heads.update(entry.head, newer, got_at)
  local fresh = new_entry(ask, entry, head, headers.parse(head), asked_at, got_at)
  if fresh.vary and rules.may_store(fresh.status, fresh.facts, ask.cc) then
    ask.store:update(ask.key, entry, fresh)
  else
    ask.store:remove(entry.url)
  end
  return fresh
end

---- Asking --------------------------------------------------------------------

local MODE_FIELDS = {
  ["no-cache"] = { { "Cache-Control", "max-age=0" } },
  ["reload"] = { { "Cache-Control", "no-cache" }, { "Pragma", "no-cache" } },
}

-- The request, as it is sent: with the validators of what is stored, and what its mode says
-- to other caches.
local function to_send(ask, facts)
  local added = {}
  if facts and facts.etag then
    added[#added + 1] = { "If-None-Match", facts.etag }
  end
  if facts and facts.modified_text then
    added[#added + 1] = { "If-Modified-Since", facts.modified_text }
  end
  for _, field in ipairs(MODE_FIELDS[ask.mode] or {}) do
    if not headers.find(ask.request.headers, field[1]) then
      added[#added + 1] = field
    end
  end
  if #added == 0 then
    return ask.request
  end
  local copy = ask.request:clone()
  copy.headers = headers.merge(copy.headers, added)
  return copy
end

-- Errors that say as much as a status of 502 or 504.
local GATEWAY = {
  resolve = true, connect = true, proxy = true, timeout = true, closed = true, protocol = true,
  breaker = true,
}
local FAILED = { [500] = true, [502] = true, [503] = true, [504] = true }

local function has_failed(response, err)
  if response then
    return FAILED[response.status] or false
  end
  return errors.is(err) and GATEWAY[err.kind] or false
end

-- An answer to HEAD says whether what is stored is still that (RFC 9111 4.3.5).
local function compare(ask, entry, response, asked_at, got_at)
  local fields, stored = response.headers, headers.parse(entry.head)
  for _, name in ipairs({ "etag", "last-modified", "content-length" }) do
    local one, other = fields:get(name), stored:get(name)
    if one and other and one ~= other then
      return ask.store:remove(entry.url)
    end
  end
  renewed(ask, entry, fields, asked_at, got_at)
end

local ask_server

-- The server says that what is stored is right.
local function revalidated(ask, entry, response, asked_at, got_at)
  local fields = response.headers
  response:drain()
  local etag = fields:get_all("etag")[1]
  if etag and entry.facts.etag and not rules.same_etag(etag, entry.facts.etag)
    or ask.store:body(entry) == nil then
    return ask_server(ask, nil)       -- it speaks of another one (4.3.4), or that has gone
  end
  local fresh = renewed(ask, entry, fields, asked_at, got_at)
  local served = serve(ask, fresh.body and fresh or entry, "revalidated")
  served.headers = heads.shown(fresh.head, rules.age(fresh.facts, got_at))
  served.timings, served.attempts, served.peer = response.timings, response.attempts, response.peer
  return served
end

-- `entry`: what is stored, and not good enough; or nil.
function ask_server(ask, entry)
  local facts = entry and not ask.conditions and entry.facts or nil
  local asked_at = clock.time()
  local response, err = ask.next(to_send(ask, facts))
  local got_at = clock.time()
  if entry and has_failed(response, err) and rules.may_stand_in(entry.facts, ask.cc, got_at) then
    local served = serve(ask, entry, "stale")
    if served and response then
      response:drain()
    end
    if served then
      return served
    end
  end
  if response == nil then
    return nil, err
  elseif response.status == 304 and facts and (facts.etag or facts.modified_text) then
    return revalidated(ask, entry, response, asked_at, got_at)
  elseif ask.request.method == "GET" then
    keep(ask, response, asked_at, got_at)
  elseif entry and response.status == 200 then
    compare(ask, entry, response, asked_at, got_at)
  end
  return response
end

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
    local response = ask_server(again, entry)
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
      { url = ask.request:url(), phase = "queue" })
  end
  local response = made.new("", { status = 504 })
  response.status_text, response.request = "Gateway Timeout", ask.request
  response.attempts = 0
  return response
end

local function answer(ask)
  local entry = ask.mode ~= "reload" and ask.key:choose(ask.store:find(ask.key.url)) or nil
  local verdict = entry and rules.judge(entry.facts, ask.cc, clock.time(), ask.mode)
  if entry and verdict ~= "validate" then
    local response = serve(ask, entry, verdict == "background" and "stale" or verdict)
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
  end
  return ask_server(ask, entry)
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
  local list, own = request.headers, nil
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

local cache = {}

--- Answers from what is stored where that is right, sends it otherwise.
-- @param next function(request) -> response; or nil, err
-- @return response; or nil, err
function cache.send(request, next)
  local given, raw = request.settings.cache, request.settings.curl
  if given.mode == "no-store" or not request.target.web or request.client.closed then
    return next(request)
  end
  local store = store_of(request)
  local method = raw and raw.customrequest or request.method
  if method ~= "GET" and method ~= "HEAD" then
    local response, err = next(request)
    if response and not SAFE[method] and response.status >= 200 and response.status < 400 then
      invalidate(store, request, response)
    end
    return response, err
  end
  local conditions, round = conditions_of(request)
  local ask = {
    store = store, request = request, next = next, mode = given.mode, conditions = conditions,
    cc = rules.asked(request.headers), key = not round and keys.of(request, store.salt) or nil,
  }
  if ask.key == nil then
    return given.mode == "only-if-cached" and no_answer(ask) or next(request)
  end
  return answer(ask)
end

return cache
