-- Easy handles: a pool for each client. One that has served a plain request
-- needs nothing but a URL for the next.
local core = require("multisock.core")
local request_module = require("multisock.request")
local settings = require("multisock.settings")

local handles = {}

-- Idle handles that a client keeps: each holds a few KiB.
local MAX_IDLE = 256
handles.MAX_IDLE = MAX_IDLE

local function configure(easy, request)
  local ok, err = settings.apply(easy, request.settings)
  if ok then
    ok, err = request_module.apply(easy, request)
  end
  return ok, err
end

--- A handle for this request, with everything set but the URL. One that served
-- a plain request of the same client before needs nothing more.
-- @return easy; or nil, err when libcurl refuses a setting, with true when that
-- is misuse, to be raised
function handles.take(client, request)
  local list = client.prepared
  local easy = request.plain and list[#list]
  if easy then
    list[#list] = nil
    return easy
  end
  list = client.idle
  easy = list[#list]
  if easy then
    list[#list] = nil
    easy:reset()
  else
    easy = core.easy():collect()
  end
  local fine, ok, err = pcall(configure, easy, request)
  if not fine or not ok then
    easy:close()
    return nil, fine and err or ok, not fine
  end
  return easy
end

--- Takes a handle back. @param prepared boolean: it can serve a plain request
function handles.release(client, easy, prepared)
  local list = prepared and client.prepared or client.idle
  if client.closed or #list >= MAX_IDLE then
    easy:close()
  else
    list[#list + 1] = easy
  end
end

return handles
