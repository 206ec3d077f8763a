-- What the specs of limits of time share.
local assert = require("luassert")
local helper = require("spec.helper")
local ms = require("multisock")
local probe = require("spec.support.probe")

local timed_out = {}

--- Runs `fn`, which is to fail by a timeout after `seconds`, and leave nothing open at the
-- server. @param hostile servers.hostile() @param word? the limit that passes
-- @return the error
function timed_out.check(hostile, seconds, phase, word, fn)
  local started = ms.now()
  local result, err = fn()
  local elapsed = ms.now() - started
  assert.is_nil(result)
  assert.equal("timeout", err.kind, tostring(err))
  assert.equal(phase, err.phase)
  assert.is_true(err.retryable)
  if word ~= "queue" then
    assert.equal("CURLE_OPERATION_TIMEDOUT", err.code)
    assert.equal(28, err.number)
    assert.is_number(err.timings.total)
  end
  if word then
    assert.is_truthy(err.message:find("timeout." .. word, 1, true), err.message)
  end
  assert.is_truthy(err.url)
  assert.is_true(elapsed >= seconds - 0.005, "after " .. elapsed)
  assert.is_true(elapsed < helper.seconds(seconds + 0.5), "after " .. elapsed)
  probe.open_becomes(hostile, 0)
  return err
end

return timed_out
