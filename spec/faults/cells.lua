-- The matrix: each fault of the tables x each consumer x each transport is a cell.
-- Data and words alone, so that docs/reliability.md can be written without a server.
local cells = {}

local BODY = {}
for i = 0, 99 do
  BODY[#BODY + 1] = ("%04d of the body of this answer\n"):format(i)
end
--- What the server answers with, unless a row says otherwise.
cells.BODY = table.concat(BODY)

--- What each cell keeps, unless its row says otherwise: seconds, seconds that the
-- loop may take for a turn, and MiB of memory.
cells.SECONDS, cells.MOST_GAP, cells.MEMORY = 3, 0.05, 24

cells.transports = { "http", "tls", "h2", "proxy", "tunnel" }
cells.consumers = { "text", "chunks", "save", "lines", "string", "generator", "file" }

--- Words for several of them.
local GROUPS = {
  h1 = { http = true, tls = true, proxy = true, tunnel = true },
  download = { text = true, chunks = true, save = true, lines = true },
  stream = { chunks = true, save = true, lines = true },
  upload = { string = true, generator = true, file = true },
}

local ON = {
  h1 = { "http", "tls", "proxy" },
  h2 = { "h2" },
  both = { "http", "tls", "h2", "proxy" },
}

-- The tables, in the order of the page.
local FAMILIES = {
  "ends", "statuses", "heads", "lengths", "chunks", "codings", "interim", "slow", "endless",
  "idle", "early", "redirects", "cookies", "streams", "frames", "floods", "fields", "tls",
  "tunnel",
}

--- Whether a cell is one of those that the words name: "h2 text", "upload".
function cells.is(cell, words)
  for word in words:gmatch("%S+") do
    local group = GROUPS[word]
    local hit = word == cell.transport or word == cell.consumer
      or group and (group[cell.transport] or group[cell.consumer])
    if not hit then
      return false
    end
  end
  return true
end

--- The outcomes that are right, as "closed or protocol".
local function expected(row, cell)
  for _, exception in ipairs(row.but or {}) do
    if cells.is(cell, exception[1]) then
      return exception[2]
    end
  end
  return row[3]
end

--- What libcurls cannot do: why, or nil.
cells.limits = {
  -- curl 8.1.0 asks nghttp2 whether the stream was ended.
  h2_end = function(curl)
    return curl < 0x080100
      and "libcurl before 8.1.0 takes a broken HTTP/2 connection for the end of a body"
  end,
  -- nghttp2 tells libcurl that the stream was closed without an error.
  chunk_size = function()
    return "libcurl passes over what stands between the size of a chunk and its CRLF"
  end,
  tunnel_interim = function()
    return "libcurl takes an interim answer to CONNECT for the final one"
  end,
  h2_no_error = function()
    return "libcurl takes RST_STREAM(NO_ERROR) for the end of a body"
  end,
}

local function transports_of(family, row)
  local on = row.on or family.on
  return type(on) == "table" and on or ON[on]
end

local function make(family, row, transport, consumer)
  local cell = {
    fault = row[1], transport = transport, consumer = consumer, row = row,
    family = family.name, is_upload = GROUPS.upload[consumer] or false,
  }
  cell.name = ("%s, %s, %s"):format(cell.fault, transport, consumer)
  cell.expected = expected(row, cell)
  return cell
end

-- An answer to HEAD is for those who send nothing.
local function has(row, consumer)
  return not (row.method and GROUPS.upload[consumer])
    and (row.consumers == nil or cells.is({ consumer = consumer }, row.consumers))
end

--- The families, each with its rows.
function cells.families()
  local list = {}
  for _, name in ipairs(FAMILIES) do
    local family = require("spec.faults.tables." .. name)
    family.name = name
    list[#list + 1] = family
  end
  return list
end

--- The cells of a row.
function cells.of(family, row)
  local list = {}
  for _, transport in ipairs(transports_of(family, row)) do
    for _, consumer in ipairs(cells.consumers) do
      if has(row, consumer) then
        list[#list + 1] = make(family, row, transport, consumer)
      end
    end
  end
  return list
end

--- All cells, family by family.
function cells.all()
  local list = {}
  for _, family in ipairs(cells.families()) do
    for _, row in ipairs(family) do
      for _, cell in ipairs(cells.of(family, row)) do
        list[#list + 1] = cell
      end
    end
  end
  return list
end

--- Why this libcurl (its number) cannot do this cell, or nil.
function cells.cannot(cell, curl)
  local row = cell.row
  local limit = row.cannot and cells.limits[row.cannot]
  if limit and (row.cannot_on == nil or cells.is(cell, row.cannot_on)) then
    return limit(curl) or nil
  end
end

-- A number that a name always has, and other names mostly have not.
local function hash(name)
  local number = 0
  for i = 1, #name do
    number = (number * 31 + name:byte(i)) % 65521
  end
  return number
end

--- A sample that is the same each time: every fault once, with a consumer and a
-- transport that follow from its name.
function cells.sample()
  local list = {}
  for _, family in ipairs(cells.families()) do
    for _, row in ipairs(family) do
      local those = cells.of(family, row)
      list[#list + 1] = those[hash(row[1]) % #those + 1]
    end
  end
  return list
end

return cells
