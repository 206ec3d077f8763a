-- The option `cookies`: a jar says what is sent, and gets what answers set.
local core = require("multisock.core")
local response_class = require("multisock.response")

local with_field = core.with_field

local cookies = {}

local function is_cookie(field)
  local name = field[1]
  return #name == 6 and name:lower() == "cookie"
end

-- The request's own Cookie header; nil: it has none.
local function own_of(list)
  local own
  for i = 1, #list do
    if is_cookie(list[i]) then
      own = own and own .. "; " .. list[i][2] or list[i][2]
    end
  end
  return own
end

-- What stands in the request's own goes before, and instead of those of the same name.
local function join(own, header)
  local names, kept = {}, { own }
  for pair in own:gmatch("[^;]+") do
    names[pair:match("^%s*([^=%s]*)")] = true
  end
  for pair in header:gmatch("[^;]+") do
    pair = pair:gsub("^ ", "")
    if not names[pair:match("^[^=]*")] then
      kept[#kept + 1] = pair
    end
  end
  return table.concat(kept, "; ")
end

-- A list of headers with the request's own Cookie header and the jar's, no others; nil:
-- none of it.
local function replace(list, own, field)
  local kept = {}
  if own then
    kept[1] = { "Cookie", field and join(own, field[2]) or own }
  else
    kept[1] = field
  end
  for i = 1, #list do
    if not is_cookie(list[i]) then
      kept[#kept + 1] = list[i]
    end
  end
  return kept
end

-- Of a list without such a header; a short one at once.
local function add(list, field)
  if #list <= 4 then
    return { field, list[1], list[2], list[3], list[4] }
  end
  return replace(list, nil, field)
end

local function has_usual_port(target)
  return target.origin:find("^http:.*:80$") or target.origin:find("^https:.*:443$")
end

-- Cookies are those of a host, whatever the port. With a base_url they are for its origin:
-- other servers of the same host neither get nor set them.
local function is_beside(request, base)
  local target = request.target
  return target.host == base.host and target.origin ~= base.origin
    and request.settings.cookies == request.client.settings.cookies
    and not (has_usual_port(target) and has_usual_port(base))
end

-- Whether there was something to be kept.
local function note(jar, request, response, err)
  local answer = response or type(err) == "table" and err.response
  local lines = answer and response_class.cookies(answer)
  if lines then
    -- Middleware of a program may have sent it elsewhere.
    jar:keep((answer.request or request).target, lines)
    return true
  end
end

--- Each hop of a redirect is asked with what its URL gets.
-- @param next function(request) -> response; or nil, err
-- @param keeps boolean: what answers set is kept here; false: by `keeping`, nearer to them
-- @return the same kind of function
function cookies.around(next, keeps)
  return function(request)
    local base = request.client.base
    if base and is_beside(request, base) then
      return next(request)
    end
    local jar, list, own = request.settings.cookies, request.headers, nil
    local field = jar:field(request.target)
    local sent = type(list) == "userdata" and with_field(list, "Cookie", field and field[2] or nil)
    if not sent then
      list = request:fields()
      own = own_of(list)
      sent = field and (own and replace(list, own, field) or add(list, field)) or list
    end
    request.headers = sent
    if own then
      request.own_cookie = own
    end
    local response, err = next(request)
    -- The next hop is made of this request, and has its own.
    if own then
      request.own_cookie = nil
    end
    if keeps then
      note(jar, request, response, err)
    elseif request.has_new_cookies then
      request.has_new_cookies = nil
    end
    request.headers = request.headers == sent and list or replace(request:fields(), own)
    return response, err
  end
end

--- Around each attempt: keeps what its answer sets, also of one that is repeated then, with
-- what was set.
-- @param next function(request) -> response; or nil, err
-- @return the same kind of function
function cookies.keeping(next)
  return function(request)
    local base = request.client.base
    if base and is_beside(request, base) then
      return next(request)
    end
    local jar = request.settings.cookies
    if request.has_new_cookies then
      request.headers = replace(request:fields(), request.own_cookie, jar:field(request.target))
    end
    local response, err = next(request)
    if note(jar, request, response, err) then
      request.has_new_cookies = true
    end
    return response, err
  end
end

return cookies
