-- What a server has seen of a request, when its answer tells: /echo, /received and the like
-- of hostile.py.
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")

local echoed = {}

--- Header fields by their names in lower case; those of one name with ", " between.
-- @param list of pairs: name, value
function echoed.fields(list)
  local fields = {}
  for _, field in ipairs(list) do
    local name = field[1]:lower()
    fields[name] = fields[name] and fields[name] .. ", " .. field[2] or field[2]
  end
  return fields
end

--- What such an answer tells, and the header fields by name, which are its `fields`, too.
-- @param response, err as a request returns them
function echoed.of(response, err)
  local seen = ms.assert(ms.assert(response, err):json())
  seen.fields = echoed.fields(seen.headers)
  return seen, seen.fields
end

--- Asks /echo of a server.
-- @return function(options, method) -> what it has seen, see echoed.of
function echoed.by(server)
  return function(options, method)
    return (echoed.of(ms[method or "fetch"](server.url("/echo"), options)))
  end
end

--- A body that a function gives: servers.bytes(size), in pieces.
-- @param each? function(at), called before each piece
function echoed.pieces(size, piece, each)
  local at = 0
  return function()
    if each then
      each(at)
    end
    if at < size then
      local bytes = servers.bytes(math.min(piece, size - at), 0, at)
      at = at + #bytes
      return bytes
    end
  end
end

--- What /echo and /upload tell of a body with this text.
function echoed.sha256(text)
  local path = os.tmpname()
  helper.write_file(path, text)
  local digest = servers.output("sha256sum " .. path):match("^%x+")
  os.remove(path)
  return digest
end

return echoed
