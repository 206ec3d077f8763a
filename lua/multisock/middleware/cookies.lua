-- The option `cookies`: a jar says what is sent, and gets what answers set.
local response_class = require("multisock.response")
local unpack = require("multisock.base.compat").unpack

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

-- Of a list without such a header: at once.
local MOST_UNPACKED = 50

local function add(list, field)
  if #list <= MOST_UNPACKED then
    return { field, unpack(list) }
  end
  return replace(list, nil, field)
end

local function has_usual_port(target)
  return target.origin:find("^http:.*:80$") or target.origin:find("^https:.*:443$")
end

-- Cookies are those of a host, whatever the port. With a base_url they are for its origin:
-- other servers of the same host neither get nor set them.
local function is_beside(request)
  local base, target = request.client.base, request.target
  return base and target.host == base.host and target.origin ~= base.origin
    and request.settings.cookies == request.client.settings.cookies
    and not (has_usual_port(target) and has_usual_port(base))
end

--- Around retries: each hop of a redirect is asked with what its URL gets.
-- @param next function(request) -> response; or nil, err
function cookies.send(request, next)
  if is_beside(request) then
    return next(request)
  end
  local given, list = request.settings, request.headers
  local jar = given.cookies
  local field, own, sent = jar:field(request.target), own_of(list), list
  if field then
    sent = own and replace(list, own, field) or add(list, field)
  end
  if given.retry then
    request.cookies = { version = jar.store.version, own = own }
  end
  request.headers = sent
  local response, err = next(request)
  -- The next hop is made of this request, and has its own.
  request.cookies = nil
  request.headers = request.headers == sent and list or replace(request.headers, own)
  return response, err
end

--- Around each attempt: keeps what its answer sets, also of one that is repeated then, with
-- what was set.
function cookies.keep(request, next)
  if is_beside(request) then
    return next(request)
  end
  local jar, known = request.settings.cookies, request.cookies
  if known and known.version ~= jar.store.version then
    request.headers = replace(request.headers, known.own, jar:field(request.target))
    known.version = jar.store.version
  end
  local response, err = next(request)
  local answer = response or type(err) == "table" and err.response
  local lines = answer and response_class.cookies(answer)
  if lines then
    -- Middleware of a program may have sent it elsewhere.
    jar:keep((answer.request or request).target, lines)
  end
  return response, err
end

return cookies
