-- What RFC 9111 says of an answer, for a private cache: whether it is stored, how long it
-- is fresh, and what is done with it when somebody asks. Functions of tables and of a time;
-- nothing is sent or stored here.
local dates = require("multisock.cache.dates")
local directives = require("multisock.cache.directives")

local parse, seconds = directives.parse, directives.seconds

local rules = {}

-- Statuses whose meaning is known here (RFC 9110 15), for `must-understand`.
local UNDERSTOOD = {}
for _, status in ipairs({ 200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405,
  406, 408, 409, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504,
  505 }) do
  UNDERSTOOD[status] = true
end

-- Those that may be stored without being told how long (RFC 9110 15.1). Not 206: parts are
-- not stored.
local HEURISTIC = {
  [200] = true, [203] = true, [204] = true, [300] = true, [301] = true, [308] = true,
  [404] = true, [405] = true, [410] = true, [414] = true, [501] = true,
}

-- Never a whole answer to a GET.
local NEVER = { [206] = true, [304] = true }

-- Of the time since it was changed, when nobody says how long it is fresh (4.2.2); at most
-- a day.
local HEURISTIC_SHARE, HEURISTIC_MOST = 0.1, 86400

---- Facts of an answer --------------------------------------------------------

local function first(fields, name)
  return fields:get_all(name)[1]
end

-- The first member counts, where it is a number (5.1).
local function age_of(fields)
  local line = first(fields, "age")
  return line and seconds(line:match("^%s*(%d+)%s*$") or line:match("^%s*(%d+)%s*,")) or 0
end

-- RFC 9111 4.2.1. @return seconds; nil: it does not say
local function explicit_lifetime(fields, cc, date, now)
  if cc["max-age"] then
    return seconds(cc["max-age"]) or 0
  end
  local expires = first(fields, "expires")
  if expires then
    local at = dates.parse(expires, now)
    return at and math.max(0, at - date) or 0
  end
end

local function heuristic_lifetime(status, cc, date, modified)
  if not modified or modified >= date or not (HEURISTIC[status] or cc.public) then
    return 0
  end
  return math.min(math.floor((date - modified) * HEURISTIC_SHARE), HEURISTIC_MOST)
end

--- What counts of an answer.
-- @param status integer @param fields its headers
-- @param asked_at, got_at seconds since 1970: of the request, and of the answer
-- @return table: cc, lifetime, explicit (boolean), age (when it came), got_at, date, etag,
-- modified
function rules.facts(status, fields, asked_at, got_at)
  local cc = parse(fields:get_all("cache-control"))
  local date = dates.parse(first(fields, "date"), got_at) or got_at
  local modified_text = first(fields, "last-modified")
  local modified = dates.parse(modified_text, got_at)
  local lifetime = explicit_lifetime(fields, cc, date, got_at)
  local etag = first(fields, "etag")
  return {
    cc = cc, date = date, got_at = got_at, explicit = lifetime ~= nil,
    lifetime = lifetime or heuristic_lifetime(status, cc, date, modified),
    -- 4.2.3: by the server's clock, or by what the caches on the way and ours counted.
    age = math.max(0, got_at - date, age_of(fields) + got_at - asked_at),
    etag = etag ~= "" and etag or nil, modified = modified, modified_text = modified_text,
  }
end

--- How old it is. @param facts of rules.facts @param now seconds since 1970
function rules.age(facts, now)
  return facts.age + math.max(0, now - facts.got_at)
end

---- Storing -------------------------------------------------------------------

--- Whether an answer to a GET may be stored, and may ever be of use (RFC 9111 3).
-- @param status integer @param facts of rules.facts @param asked_cc directives of the request
function rules.may_store(status, facts, asked_cc)
  local cc = facts.cc
  local understands = not cc["must-understand"] or UNDERSTOOD[status]
  if status < 200 or NEVER[status] or not understands or asked_cc["no-store"]
    or cc["no-store"] and not cc["must-understand"] then
    return false
  elseif not (facts.explicit or HEURISTIC[status] or cc.public or cc.private) then
    return false
  end
  return facts.lifetime > 0 or facts.etag ~= nil or facts.modified_text ~= nil
    or cc["stale-while-revalidate"] ~= nil or cc["stale-if-error"] ~= nil
end

---- Using ---------------------------------------------------------------------

--- What a request says of caches. @param list of {name, value} @return directives
function rules.asked(list)
  local values, pragma = {}, {}
  for i = 1, #list do
    local name = list[i][1]:lower()
    if name == "cache-control" then
      values[#values + 1] = list[i][2]
    elseif name == "pragma" then
      pragma[#pragma + 1] = list[i][2]
    end
  end
  local cc = parse(values)
  if #values == 0 and parse(pragma)["no-cache"] then
    cc["no-cache"] = true             -- 5.4
  end
  return cc
end

-- Whether it must not be used stale (4.2.4).
local function is_strict(cc)
  return cc["must-revalidate"] or cc["no-cache"] == true
end

local function within(value, staleness)
  local limit = seconds(value)
  return limit ~= nil and staleness <= limit
end

-- Whether the request wants it fresher than it is (5.2.1).
local function is_refused(asked_cc, age, left)
  local most, least = seconds(asked_cc["max-age"]), seconds(asked_cc["min-fresh"])
  return asked_cc["no-cache"] or most and age > most or least and left < least
end

--- What is done with a stored answer.
-- @param asked_cc of rules.asked @param mode? the option `cache`, WHATWG's
-- @return "fresh"; "stale": used as it is; "background": used, and asked for again meanwhile;
-- "validate": not without asking
function rules.judge(facts, asked_cc, now, mode)
  local cc, age = facts.cc, rules.age(facts, now)
  local left = facts.lifetime - age
  local is_fresh = left > 0 and now >= facts.got_at    -- else the clock was set back
  if mode == "force-cache" or mode == "only-if-cached" then
    return is_fresh and "fresh" or "stale"
  elseif mode == "no-cache" or cc["no-cache"] == true or is_refused(asked_cc, age, left) then
    return "validate"
  elseif is_fresh then
    return "fresh"
  elseif is_strict(cc) or now < facts.got_at then
    return "validate"
  elseif asked_cc["max-stale"] == true or within(asked_cc["max-stale"], -left) then
    return "stale"
  elseif within(cc["stale-while-revalidate"], -left) then
    return "background"
  end
  return "validate"
end

--- Whether it may stand in when asking has failed (RFC 5861 4).
function rules.may_stand_in(facts, asked_cc, now)
  local staleness = rules.age(facts, now) - facts.lifetime
  return not is_strict(facts.cc) and not asked_cc["no-cache"] and now >= facts.got_at
    and (within(facts.cc["stale-if-error"], staleness)
      or within(asked_cc["stale-if-error"], staleness))
end

---- Conditions ----------------------------------------------------------------

local function opaque(etag)
  return (etag:gsub("^[Ww]/", ""))
end

--- Whether two validators are the same thing, weakly (RFC 9110 8.8.3.2).
function rules.same_etag(one, other)
  return one ~= nil and other ~= nil and opaque(one) == opaque(other)
end

--- What a request's own conditions say of a stored answer (RFC 9111 4.3.2).
-- @param conditions table: if-none-match, if-modified-since
-- @return whether the answer is 304
function rules.not_modified(conditions, facts)
  local tags = conditions["if-none-match"]
  if tags then
    for _, tag in ipairs(directives.members({ tags })) do
      if tag == "*" or rules.same_etag(tag, facts.etag) then
        return true
      end
    end
    return false
  end
  local since = dates.parse(conditions["if-modified-since"], facts.got_at)
  return since ~= nil and (facts.modified or facts.date) <= since
end

return rules
