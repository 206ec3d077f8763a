-- Transfers of a batch (src/fetch/bulk.c): started, and taken, perhaps with another in
-- the place of one.
local core = require("multisock.core")
local call = require("spec.fuzz.calls").call
local values = require("spec.fuzz.values")

local chance, object, random = values.chance, values.object, math.random

--- @param collected, target, message functions of core.lua that make these
return function(collected, target, message)
  local batches = {}

  -- A batch that some transfers are in, with what they were started for.
  local batch

  function batches.forget()
    batch = nil
  end

  function batches.submit()
    local limiter, easy, multi = object("limiter"), collected(), object("multi")
    if not (limiter and easy and multi) then return end
    if batch == nil or chance(5) then
      local slot = {}
      batch = { slot = slot, core = core.batch(slot), requests = {},
        origin = { limiter = limiter } }
    end
    call("limiter:keep", limiter.keep, limiter, easy, multi, 1)
    local limits, lines, method, deadline, body, once = message()
    local results = call("core.submit", core.submit, limiter, target(), batch.core, 1, chance(50),
      limits, lines, method, deadline, body, once, nil, random(9))
    if results[1] and results[2] then
      batch.requests[results[2]] = chance(70) and batch.origin or { limiter = limiter }
    end
  end

  -- With another request that may be sent in the place of what is taken.
  function batches.take()
    if batch == nil then return end
    call("core.collect", core.collect, batch.core, batch.requests,
      chance(80) and batch.origin or values.any(), chance(80) and target() or values.any(),
      chance(95) and random(9) or values.any())
  end

  return batches
end
