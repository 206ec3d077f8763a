-- Easy handles: a pool for each client. One that has served a plain request
-- needs nothing but a URL for the next, so it waits with its host, and with the
-- lane on which its connection is.
local core = require("multisock.core")
local request_module = require("multisock.request")
local settings = require("multisock.settings")

local handles = {}

-- Handles that may wait, for each host, and blank ones for all: each holds a
-- few KiB.
local MAX_IDLE = 256
handles.MOST_IDLE = 2 * MAX_IDLE    -- a pair each, see keep

local function configure(easy, request)
  local ok, err = settings.apply(easy, request.settings)
  if ok then
    ok, err = request_module.apply(easy, request)
  end
  return ok, err
end

--- A handle for this request, with everything set but the URL.
-- @return easy; or nil, err when libcurl refuses a setting, with true when that
-- is misuse, to be raised
function handles.configured(client, request)
  local list = client.blank
  local easy = list[#list]
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

--- Takes back a handle that has to be set up anew for its next request.
function handles.release(client, easy)
  local list = client.blank
  if client.closed or #list >= MAX_IDLE then
    easy:close()
  else
    list[#list + 1] = easy
  end
end

--- Keeps a handle that can serve the next plain request of its client.
-- The list of a host holds handle, lane, handle, lane...; what stands behind
-- `idle_last` is of no meaning.
function handles.keep(host, lane, easy)
  local last = host.idle_last
  if last >= handles.MOST_IDLE then
    easy:close()
  else
    host.idle[last + 1], host.idle[last + 2] = easy, lane
    host.idle_last = last + 2
  end
end

--- Frees the handles of a host that is forgotten.
function handles.forget(host)
  for i = 1, host.idle_last, 2 do
    host.idle[i]:close()
  end
  host.idle, host.idle_last = {}, 0
end

--- Frees all: the client is being closed.
function handles.close(client)
  for i = #client.blank, 1, -1 do
    client.blank[i]:close()
    client.blank[i] = nil
  end
  for _, host in pairs(client.hosts) do
    handles.forget(host)
  end
end

return handles
