-- Asking hostile.py for bodies in content codings, and reading them.
local codings = require("spec.support.codings")
local shell = require("spec.support.shell")

local coded = {}

--- What a query may not have as it is.
function coded.escape(text)
  return (text:gsub("[%c ]", function(c)
    return ("%%%02x"):format(c:byte())
  end))
end

--- What makes the URL of a body: function(bytes, more); `more`: other parameters of /coded.
function coded.urls(hostile)
  return function(bytes, more)
    return hostile.url("/coded?hex=" .. codings.hex(bytes)
      .. (more and "&" .. coded.escape(more) or ""))
  end
end

--- At once, in chunks, to the close, and in pieces that come late.
coded.FRAMES = {
  "framing=length", "framing=chunked", "framing=close", "framing=chunked&piece=9&delay=0.002",
}

-- A raise is an err here, as the iterators do.
local function collected(iterate)
  return function(response)
    local pieces = {}
    local ok, err = pcall(function()
      for piece in iterate(response) do
        pieces[#pieces + 1] = piece
      end
    end)
    if not ok then
      return nil, err
    end
    return table.concat(pieces)
  end
end

local function save(response)
  local path = os.tmpname()
  local size, err = response:save(path)
  local bytes = shell.read_file(path)
  os.remove(path)
  if size == nil then
    return nil, err
  end
  assert(#bytes == size, "save has returned another size")
  return bytes
end

--- Every way to read a body: function(response) -> its bytes; or nil, err.
coded.ways = {
  text = function(response)
    return response:text()
  end,
  read = function(response)
    local pieces = {}
    local chunk, err = response:read(999)
    while chunk do
      pieces[#pieces + 1] = chunk
      chunk, err = response:read()
    end
    if err then
      return nil, err
    end
    return table.concat(pieces)
  end,
  save = save,
  chunks = collected(function(response)
    return response:chunks(1000)
  end),
  lines = collected(function(response)
    return response:lines()
  end),
}

return coded
