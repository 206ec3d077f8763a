-- Those who ask: each fetches a URL in its own way and tells what it got, as
-- { response =, err =, size =, head = (the first bytes), stopped = }.
local compat = require("multisock.base.compat")
local ms = require("multisock")

local consumers = {}

-- So much of a body is kept to be looked at.
local KEPT = 64 * 1024

local PERIOD = {}
for i = 0, 250 do
  PERIOD[i + 1] = string.char(i * 7 % 251)
end
PERIOD = table.concat(PERIOD)

-- The last one is kept: LuaJIT takes 0.1 s to make 8 MB, for which the loop stands.
local made = ""

--- What is uploaded: the server knows it, too.
function consumers.upload_bytes(count)
  if #made ~= count then
    made = PERIOD:rep(math.floor(count / 251) + 1):sub(1, count)
  end
  return made
end

-- Counts what comes, and keeps its beginning.
local function tally(got)
  got.parts, got.size = {}, 0
  return function(piece)
    if got.size < KEPT then
      got.parts[#got.parts + 1] = piece
    end
    got.size = got.size + #piece
  end
end

local function text(got)
  local body, err = got.response:text()
  if body then
    tally(got)(body)
  else
    got.err = err
  end
end

-- Runs a loop that raises what it meets.
local function iterate(got, fn)
  local ok, err = pcall(fn)
  if not ok then
    got.err = err
  end
end

-- What chunks does, for a Lua that cannot wait in an iterator.
local function pieces(got, cell)
  local add, enough = tally(got), cell.row.enough or math.huge
  repeat
    local piece, err = got.response:read()
    got.err = err
    add(piece or "")
    got.stopped = got.size >= enough
  until piece == nil or got.stopped
end

local function chunks(got, cell)
  if not compat.yields_in_pcall then
    return pieces(got, cell)
  end
  local add, enough = tally(got), cell.row.enough or math.huge
  iterate(got, function()
    for piece in got.response:chunks() do
      add(piece)
      got.stopped = got.size >= enough
      if got.stopped then
        break
      end
    end
  end)
end

local function lines(got, cell)
  local add, enough = tally(got), cell.row.enough or math.huge
  iterate(got, function()
    for line in got.response:lines() do
      add(line .. "\n")
      got.stopped = got.size >= enough
      if got.stopped then
        break
      end
    end
  end)
end

local function save(got, _, folder)
  local path = folder .. "/saved"
  local size, err = got.response:save(path)
  got.err = err
  local file = io.open(path, "rb")
  if file then
    got.head = file:read(KEPT)
    got.size = file:seek("end")
    file:close()
    os.remove(path)
  end
  if size and size ~= got.size then
    got.odd = ("save said %d bytes, the file has %d"):format(size, got.size)
  end
end

-- Ten pieces, each after a turn of the loop; Lua 5.1 cannot wait there.
local function generator(bytes)
  local step, at = math.ceil(#bytes / 10), 1
  return function()
    if at > #bytes then
      return nil
    end
    if compat.yields_in_pcall then
      ms.sleep(0)
    end
    at = at + step
    return bytes:sub(at - step, at - 1)
  end
end

local function file_with(bytes, folder)
  local path = folder .. "/upload"
  local file = assert(io.open(path, "w+b"))
  assert(file:write(bytes))
  assert(file:seek("set"))
  os.remove(path)
  return file
end

local BODIES = {
  string = function(bytes) return bytes end,
  generator = generator,
  file = file_with,
}

local READERS = { text = text, chunks = chunks, save = save, lines = lines }

--- Why this Lua cannot have the consumer, or nil.
function consumers.cannot(name)
  if name == "lines" and not compat.yields_in_pcall then
    return _VERSION .. " cannot suspend in a generic for"
  end
end

--- Asks, reads all, and returns what came of it.
function consumers.run(cell, client, url, options, folder)
  local got, body = {}, nil
  if cell.is_upload then
    local bytes = consumers.upload_bytes(cell.up)
    body = BODIES[cell.consumer](bytes, folder)
    options.body, options.method = body, "POST"
  else
    options.method = cell.row.method
  end
  got.response, got.err = client:fetch(url, options)
  if got.response then
    (READERS[cell.consumer] or text)(got, cell, folder)
  end
  if got.parts then
    got.head = table.concat(got.parts):sub(1, KEPT)
  end
  if io.type(body) == "file" then
    body:close()
  end
  return got
end

return consumers
