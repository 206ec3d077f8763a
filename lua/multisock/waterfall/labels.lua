-- What is said in words in a waterfall: before the bars, above them, and where the pointer
-- rests. Plain text, of strangers: svg.lua makes it harmless.
local attempts = require("multisock.trace.attempts")
local errors = require("multisock.base.errors")
local secrets = require("multisock.request.secrets")
local text = require("multisock.base.text")

local labels = {}

--- A duration in a few letters.
function labels.seconds(value)
  if value < 0.9995 then
    local format = value < 0.00995 and "%.1f ms" or "%.0f ms"
    return format:format(value * 1000)
  end
  return (value < 9.995 and "%.2f s" or value < 99.95 and "%.1f s" or "%.0f s"):format(value)
end

local seconds = labels.seconds

--- Whether it did not go well. (Who closes an answer unread has seen enough of it.)
function labels.is_bad(attempt)
  local err = attempt.err
  local was_closed = errors.is(err, "closed") and err.message == "the response was closed"
  return err ~= nil and not was_closed or (attempt.status or 0) >= 400
end

local function shown_url(attempt)
  attempt.shown = attempt.shown or secrets.hide_url(attempt.url)
  return attempt.shown
end

local function outcome(attempt)
  if attempt.err and not attempt.status then
    return errors.is(attempt.err) and attempt.err.kind or "error"
  end
  return attempt.status and tostring(attempt.status) or "..."
end

--- What is shown of it when the pointer rests there: all.
function labels.details(attempt, spent)
  local lines = { attempt.method .. " " .. shown_url(attempt), ("call %d, attempt %d: %s"):format(
    attempt.call, attempt.number, outcome(attempt)) }
  for _, name in ipairs(attempts.PHASES) do
    if spent[name] > 0 then
      lines[#lines + 1] = name .. " " .. seconds(spent[name])
    end
  end
  if attempt.reused then
    lines[#lines + 1] = "on a connection that was kept"
  end
  if errors.is(attempt.err) then
    lines[#lines + 1] = errors.redact_url(attempt.err.message)
  end
  return table.concat(lines, "\n")
end

--- What stands before the bars: outcome, method and URL, without what all have in common.
-- @param origin of origin_of @param columns that each has
-- @return list of strings
function labels.of(list, origin, columns)
  local outcomes, methods, urls = 3, 0, {}
  for _, attempt in ipairs(list) do
    outcomes = math.max(outcomes, #outcome(attempt))
    methods = math.max(methods, attempt.method ~= "GET" and math.min(#attempt.method, 8) or 0)
  end
  outcomes = math.min(outcomes, 10)
  for i, attempt in ipairs(list) do
    urls[i] = text.clean(shown_url(attempt):sub(#origin + 1), "?")
  end
  urls = text.fit_apart(urls, columns - outcomes - 1 - (methods > 0 and methods + 1 or 0))
  for i, attempt in ipairs(list) do
    local method = text.pad(text.head(attempt.method, methods), methods) .. " "
    method = methods > 0 and method or ""
    urls[i] = text.pad(text.head(outcome(attempt), outcomes), outcomes) .. " " .. method
      .. urls[i]:gsub(" +$", "")
  end
  return urls
end

--- The origin that all have, or "".
function labels.origin_of(list)
  local origin
  for _, attempt in ipairs(list) do
    local own = shown_url(attempt):match("^%a[%w+.-]*://[^/?#]*") or ""
    if origin and own ~= origin then
      return ""
    end
    origin = own
  end
  return origin or ""
end

--- What they are, in one line.
function labels.title(list, span, origin)
  local failed, calls, count = 0, {}, 0
  for _, attempt in ipairs(list) do
    failed = failed + (labels.is_bad(attempt) and 1 or 0)
    if not calls[attempt.call] then
      calls[attempt.call], count = true, count + 1
    end
  end
  local title = text.count(count, "request")
  if count > 0 then
    local where = text.fit(text.clean(origin, "?"), 60):gsub(" +$", "")
    title = title .. (where ~= "" and " to " .. where or "") .. " in " .. seconds(span)
  end
  if #list > count then
    title = title .. (", sent %d times"):format(#list)
  end
  return title .. (failed > 0 and (", %d failed"):format(failed) or "")
end

return labels
