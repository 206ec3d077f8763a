-- The routes of a mock: which requests each is for, and which one is for a request.
local checks = require("multisock.mock.checks")
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local percent = require("multisock.base.percent")
local replies = require("multisock.mock.replies")
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local routes = {}

---- URLs ----------------------------------------------------------------------

local USUAL_PORTS = { http = "80", https = "443" }

-- One way to write a URL, or a pattern of some: small letters before the path, no usual
-- port, no fragment, a path.
local function canonical(text)
  local scheme, authority, rest = text:gsub("#.*$", ""):match("^(%a[%w+.-]*)://([^/?]*)(.*)$")
  if scheme == nil then
    return text
  end
  scheme, authority = scheme:lower(), authority:lower()
  if USUAL_PORTS[scheme] then
    authority = authority:gsub(":" .. USUAL_PORTS[scheme] .. "$", "")
  end
  -- "https://h*" goes on as it likes.
  if not rest:find("^/") and (rest ~= "" or authority:sub(-1) ~= "*") then
    rest = "/" .. rest
  end
  return scheme .. "://" .. authority .. rest
end

-- What a pattern of a program means: "*" is any characters; what begins with "/" is a path
-- of any host; without a "?" the query does not matter.
local function compile(pattern)
  local glob = canonical(pattern):gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
  return { like = "^" .. glob .. "$", is_path = pattern:find("^/") ~= nil,
    has_query = pattern:find("?", 1, true) ~= nil }
end

local function fits(compiled, where)
  local text = compiled.is_path and where.path or where.url
  return (compiled.has_query and text or text:match("^[^?]*")):find(compiled.like) ~= nil
end

local function parse_query(text)
  local all = {}
  for pair in (text or ""):gmatch("[^&]+") do
    local name, value = pair:gsub("+", " "):match("^([^=]*)=?(.*)$")
    name = percent.unescape(name)
    all[name] = all[name] or {}
    table.insert(all[name], percent.unescape(value))
  end
  return all
end

--- Where a request goes, as routes look at it.
function routes.place(url)
  local text = canonical(url)
  return { url = text, path = text:gsub("^%a[%w+.-]*://[^/?]*", ""),
    query = parse_query(text:match("%?(.*)$")) }
end

--- Whether a pattern is for this place.
function routes.fits(pattern, place)
  return fits(compile(pattern), place)
end

---- One route -----------------------------------------------------------------

-- What routes and faults have in common: which requests they are for.
local MATCHERS = { method = "string", url = "string", query = "table", match = "function" }

--- Checks what says which requests it is for.
-- @return {method, url, query, match}
function routes.matcher(where, given)
  local self = { given_url = given.url, match = given.match }
  for name, kind in pairs(MATCHERS) do
    checks.optional(where .. "." .. name, given[name], kind)
  end
  self.method = given.method and given.method:upper()
  self.url = given.url and compile(given.url)
  if given.query then
    self.query = {}
    for name, value in pairs(given.query) do
      local list = type(value) == "table" and value or { value }
      for i = 1, #list do
        if values.text(list[i]) == nil then
          checks.expected(("%s.query.%s"):format(where, tostring(name)),
            "string, number, boolean or list of them", value)
        end
      end
      self.query[tostring(name)] = list
    end
  end
  return self
end

-- true: it is there, whatever it says; false: it is not; else it is this.
local function same_parameter(wanted, found)
  if type(wanted[1]) == "boolean" then
    return wanted[1] == (found ~= nil)
  elseif found == nil or #found ~= #wanted then
    return false
  end
  for i = 1, #wanted do
    if values.text(wanted[i]) ~= found[i] then
      return false
    end
  end
  return true
end

--- Why a request is not this one's: nil when it is.
-- @param view the request as agents see it @param place of routes.place
-- @return string, and how far it came
function routes.misfit(self, view, place)
  if self.url and not fits(self.url, place) then
    return "its URL is another", 0
  elseif self.method and self.method ~= view.method:upper() then
    return "its method is another", 1
  end
  for _, name in ipairs(values.sorted_keys(self.query or {})) do
    if not same_parameter(self.query[name], place.query[name]) then
      return ("its query is another in %s"):format(errors.quote(name)), 2
    end
  end
  if self.match and not self.match(view) then
    return "its match() says no", 3
  end
end

--- Requests, and what they get.
-- @class multisock.Route
-- @field method? string without it any
-- @field url? string `"https://h/users/*"`: `*` is any characters; one that begins with `/` is
-- for every host; without a `?` any query will do
-- @field query? table<string, any> parameters that it has: a value, a list of them, `true`: any,
-- `false`: it is not there
-- @field match? fun(request: multisock.Request): boolean asked last
-- @field reply? multisock.Reply|multisock.Reply[]|fun(request: multisock.Request, count:
-- integer): any, any an answer (an empty 200 without it); a list, whose last repeats; or a function
-- that returns one, a response, or nil, err
-- @field times? integer it answers so often, then the routes behind it are looked at

local FIELDS = {
  method = true, url = true, query = true, match = true, reply = true, times = true,
}

local function check_route(where, given)
  checks.fields(where, given, FIELDS)
  checks.integer(where .. ".times", given.times, 1)
  local self = routes.matcher(where, given)
  self.where, self.count, self.times = where, 0, given.times
  self.replies = replies.check(where .. ".reply", given.reply)
  self.least = given.times or #self.replies
  self.shown = ("%s %s %s"):format(where, self.method or "*", given.url or "*")
  return self
end

--- Checks them.
-- @param given function, or list of routes @return list
function routes.check(given)
  if type(given) == "function" then
    return { { where = "routes", count = 0, least = 0, shown = "routes",
      replies = replies.check("routes", given) } }
  elseif given == nil then
    return {}
  end
  checks.list("routes", given, "routes, or function,")
  local list = {}
  for i = 1, #given do
    list[i] = check_route(("routes[%d]"):format(i), given[i])
  end
  return list
end

---- Which one -----------------------------------------------------------------

--- The first one that a request is for.
-- @return route; nil when there is none
function routes.find(list, view, place)
  for i = 1, #list do
    local route = list[i]
    if route.count < (route.times or math.huge) and not routes.misfit(route, view, place) then
      return route
    end
  end
end

-- How much alike they are: letters that have to be changed, of the first so many.
local function far(route, place)
  local text = route.url.is_path and place.path or place.url
  return suggest.distance(route.given_url:sub(1, 200), text:match("^[^?]*"):sub(1, 200))
end

--- Why no route is for it: which one is nearest, and what it lacks.
function routes.explain(list, view, place)
  local best, best_why, best_far = nil, nil, nil
  local furthest = -1
  for i = 1, #list do
    local why, came = routes.misfit(list[i], view, place)
    if why == nil then
      why, came = ("it has answered %d times"):format(list[i].count), 4
    end
    local distance = came == 0 and far(list[i], place) or 0
    if came > furthest or came == furthest and distance < best_far then
      best, best_why, best_far, furthest = list[i], why, distance, came
    end
  end
  return ("no route for %s %s%s"):format(view.method, errors.redact_url(view.url), best
    and ("; the nearest is %s: %s"):format(best.shown, best_why) or ": there are none")
end

return routes
