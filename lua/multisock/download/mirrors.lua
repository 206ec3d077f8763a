-- Where a download comes from: its URLs, what may be asked of each, and whose turn it is.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local option_rows = require("multisock.request.options").rows
local pairs = require("multisock.base.compat").pairs
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")

local mirrors = {}

-- How a mirror is asked for a part of the file; each later one is for who does not
-- understand the one before.
mirrors.IF_RANGE = 1                -- If-Range: it decides whether it is the same file
mirrors.BY_ANSWER = 2               -- Range: its answer has to say which file it is
mirrors.BY_CHECKSUM = 3             -- Range: the checksum will tell
mirrors.WHOLE = 4                   -- no range

-- What says who the user is goes to the origin of the first URL alone.
local function stranger_options(options, sensitive)
  local kept = {}
  for name, value in pairs(options) do
    local row = option_rows[name]
    if row and row.cross_origin == "drop" or name == "curl" then
      value = nil
    elseif name == "query" then
      value = strangers.query(value)
    elseif name == "headers" then
      value = {}
      for _, field in ipairs(options.headers) do
        if not sensitive[field[1]:lower()] then
          value[#value + 1] = field
        end
      end
    elseif row and row.fields and type(value) == "table" then
      value = {}
      for field, inner in pairs(options[name]) do
        if not (row.fields[field] and row.fields[field].cross_origin == "drop") then
          value[field] = inner
        end
      end
    end
    kept[name] = value
  end
  return kept
end

-- Nothing when it is no URL: its request will say so.
local function target_of(client, url)
  return client.base and targets.under(client.base, url) or targets.get(url) or {}
end

-- A URL as state.lua may have it.
local function name_of(url)
  local sum = core.sha256()
  return sum and sum:update(url):finish()
end

--- @param urls list @param options those of each request; `headers` is a list of pairs
-- @return list of {url, options, way; source and place: which URL it is, with and without its
-- query, which may change from time to time; web (false: no HTTP, which has neither statuses
-- nor versions)}
function mirrors.new(client, urls, options)
  local list, first = {}, target_of(client, urls[1]).origin
  local sensitive = client.settings.sensitive_headers
  if options.sensitive_headers then
    sensitive = option_rows.sensitive_headers.check("sensitive_headers", options.sensitive_headers)
  end
  for i, url in ipairs(urls) do
    local found = target_of(client, url)
    local plain = errors.without_user(url)
    list[i] = { url = url, web = found.web ~= false, source = name_of(plain),
      place = name_of((plain:gsub("[?#].*$", ""))),
      way = found.web == false and mirrors.WHOLE or mirrors.IF_RANGE,
      options = found.origin == first and options or stranger_options(options, sensitive) }
  end
  return list
end

return mirrors
