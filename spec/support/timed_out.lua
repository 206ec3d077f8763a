-- What the specs of limits of time share.
local assert = require("luassert")
local helper = require("spec.helper")
local ms = require("multisock")
local probe = require("spec.support.probe")

local timed_out = {}

-- What the error of each limit says; `of` is the limit where another one is waited for.
local WORDS = {
  total = "not done after %g s (timeout.total)",
  attempt = "no answer within %g s (timeout.attempt)",
  whole = "the body has not ended within %g s (timeout.attempt)",
  first_byte = "no answer within %g s (timeout.first_byte)",
  idle = "nothing arrived for %g s (timeout.idle)",
  connect = "no connection within %g s (timeout.connect)",
  queue = "no free connection within %g s (timeout.queue)",
  queue_total = "no free connection within %g s (timeout.total)",
  throttle = "not started within %g s (timeout.queue)",
  throttle_total = "not started within %g s (timeout.total)",
}

--- How the error of a limit begins. @param word of the list above
function timed_out.words(word, seconds)
  return WORDS[word]:format(seconds)
end

--- Runs `fn`, which is to fail by a timeout, on the clock of a mock, exactly `seconds` later.
-- @param word of the list above @param limit? the limit's length where that is another
-- @return the error
function timed_out.exactly(seconds, phase, word, fn, limit)
  local began = ms.now()
  local err = helper.err_of(fn())
  assert.same({ "timeout", phase, timed_out.words(word, limit or seconds), seconds },
    { err.kind, err.phase, err.message, ms.now() - began })
  if phase ~= "queue" then
    assert.same({ "CURLE_OPERATION_TIMEDOUT", 28 }, { err.code, err.number })
  end
  assert.is_truthy(err.url)
  return err
end

-- Runs `fn`, which is to fail by a timeout after `seconds`, and leave nothing open at the server.
local function check(hostile, seconds, phase, word, fn)
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

--- What checks a timeout at a server that really stalls.
-- @param hostile servers.hostile()
-- @return function(seconds, phase, word, fn) -> the error; `word`: the limit that passes, or nil
function timed_out.at(hostile)
  return function(...)
    return check(hostile, ...)
  end
end

return timed_out
