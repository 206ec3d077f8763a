-- What the option `cache` does with a server: asks it, with what is stored in hand, keeps its
-- answer, and makes responses of what is kept. Used by cache.lua, whose `ask` is: store, key,
-- request, next, mode, conditions, cc.
local clock = require("multisock.base.clock")
local errors = require("multisock.base.errors")
local heads = require("multisock.cache.heads")
local headers = require("multisock.request.headers")
local keys = require("multisock.cache.keys")
local made = require("multisock.response.made")
local response_class = require("multisock.response")
local recorder = require("multisock.cache.recorder")
local rules = require("multisock.cache.rules")

local exchange = {}

---- Serving -------------------------------------------------------------------

local function reason_of(head)
  local _, reason = headers.parse(head)
  return reason or ""
end

--- A response of what is stored.
-- @param how "fresh", "stale" or "revalidated"
-- @return response; nil when its body has gone
function exchange.serve(ask, entry, how)
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
  response.http_version = entry.http_version
  response_class.belongs(response, ask.request)
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

local HOST = { "host" }

-- Whether it was sent as it was asked for. What `each_attempt` adds stands in no key: it
-- may be another user's the next time.
local function is_known(ask, response, entry)
  local sent, request, key = rawget(response, "request"), ask.request, ask.key
  if sent == nil then
    return true
  elseif sent.target ~= request.target or sent.method ~= request.method
    or not (key:is_like(sent:fields(), entry.vary) and key:is_like(sent:fields(), HOST)) then
    return false
  end
  return entry.facts.cc.public or keys.credentials(sent) == keys.credentials(request)
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
    and is_known(ask, response, entry) and is_short(fields, store.most_body) then
    ask.stores_soon = fields:get("content-length") ~= nil
    recorder.attach(response, store.most_body, function(body)
      store:put(ask.key, entry, body)
    end)
  end
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
    if not headers.find(ask.request:fields(), field[1]) then
      added[#added + 1] = field
    end
  end
  if #added == 0 then
    return ask.request
  end
  local copy = ask.request:clone()
  copy.headers = headers.merge(copy:fields(), added)
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

-- The server says that what is stored is right.
local function revalidated(ask, entry, response, asked_at, got_at)
  local fields = response.headers
  response:drain()
  local etag = fields:get_all("etag")[1]
  if etag and entry.facts.etag and not rules.same_etag(etag, entry.facts.etag)
    or ask.store:body(entry) == nil then
    return exchange.ask(ask, nil)       -- it speaks of another one (4.3.4), or that has gone
  end
  local fresh = renewed(ask, entry, fields, asked_at, got_at)
  local served = exchange.serve(ask, fresh.body and fresh or entry, "revalidated")
  served.headers = heads.shown(fresh.head, rules.age(fresh.facts, got_at))
  served.timings, served.attempts, served.peer = response.timings, response.attempts, response.peer
  return served
end

--- Asks the server.
-- @param entry? what is stored, and not good enough
-- @return response; or nil, err
function exchange.ask(ask, entry)
  local facts = entry and not ask.conditions and entry.facts or nil
  local asked_at = clock.time()
  local response, err = ask.next(to_send(ask, facts))
  local got_at = clock.time()
  if entry and has_failed(response, err) and rules.may_stand_in(entry.facts, ask.cc, got_at) then
    local served = exchange.serve(ask, entry, "stale")
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

return exchange
