-- multi:iperform(): what happens to many transfers, as a loop. It blocks.
local pairs = require("lcurl.pairs")

local events = {}

-- What happened and was not told yet, oldest first; a response comes before the
-- first header or byte of it.
local function new_queue()
  local items, first, last, status = {}, 1, 0, {}
  local queue = {}

  local function put(easy, kind, value)
    last = last + 1
    items[last] = { value, kind, easy }
  end

  function queue.put(easy, kind, value)
    if kind == "header" or kind == "data" then
      local code = easy:getinfo_response_code()
      if status[easy] ~= code then
        status[easy] = code
        put(easy, "response", code)
      end
    end
    put(easy, kind, value)
  end

  function queue.take()
    local item = items[first]
    if item then
      items[first] = nil
      first = first + 1
    end
    return item
  end

  function queue.forget(easy)
    status[easy] = nil
  end

  return queue
end

-- Listens to the transfers that are new, in place of what they had.
local function listen(multi, queue, heard)
  for _, easy in pairs(multi._easy) do
    if not heard[easy] then
      heard[easy] = true
      easy:setopt_writefunction(function(bytes) queue.put(easy, "data", bytes) end)
      easy:setopt_headerfunction(function(line) queue.put(easy, "header", line) end)
    end
  end
  return next(multi._easy) ~= nil
end

local function read_ends(multi, queue, heard)
  while true do
    local easy, ok, err = multi:info_read()
    if easy == 0 then
      return
    elseif not easy then
      error(ok, 0)
    end
    if ok then
      queue.put(easy, "done", easy:getinfo_response_code())
    else
      queue.put(easy, "error", err)
    end
    multi:remove_handle(easy)
    easy:unsetopt_writefunction()
    easy:unsetopt_headerfunction()
    queue.forget(easy)
    heard[easy] = nil
  end
end

--- Yields value, kind, easy: kind is "response" (value: the status), "header",
-- "data", "done" (the status) or "error" (an error object). Handles may be added
-- meanwhile; those that have ended are taken out.
function events.iterate(multi)
  local handle = multi:handle()
  local queue, heard = new_queue(), {}
  return function()
    local any = listen(multi, queue, heard)
    while true do
      local item = queue.take()
      if item then
        return item[1], item[2], item[3]
      elseif not any then
        return nil
      end
      local count, err = handle:perform()
      if not count then
        error(err, 0)
      end
      read_ends(multi, queue, heard)
      any = next(multi._easy) ~= nil
      if any then
        multi:wait()
      end
    end
  end
end

return events
