-- What RFC 9111 (and 5861, 8246) says, case by case: cache_rules_spec.lua runs each of them
-- against a server, docs/cache-cases.md has the list. A row: section; what holds; the headers
-- of a first answer; seconds until the second request; what that gets: "fresh", "stale",
-- "revalidated", "asked" (the server was, and its answer is given); and perhaps
--   status, body    of the first answer (200)
--   first, second   headers of the requests
--   method, path    of the second request
--   answer          the second answer: {status=, headers=, cut=}; a 304 when the request has
--                   validators and nothing is said
--   sent            headers that the server has to have got with the second request
--   shown           headers that the second response has to have; false: that it may not
--   gets            the status of the second response
--   between         a request between the two: {method=, headers=, status=}
-- @N in a header is a date in N seconds, by the clock at that time.
local cases = {}

local function row(section, what, headers, wait, how, more)
  local case = more or {}
  case.section, case.what, case.headers, case.wait, case.how = section, what, headers, wait, how
  cases[#cases + 1] = case
end

local MINUTE = "Cache-Control: max-age=60"
local TAGGED = MINUTE .. "\nETag: \"a\""
local CHANGED = "Last-Modified: @-1000"

-- 3: storing
row("3", "an answer with max-age is stored", MINUTE, 1, "fresh")
row("3", "an answer that says nothing is not", "", 0, "asked")
row("3", "Expires alone is enough", "Expires: @60", 1, "fresh")
row("3", "an answer to POST is not stored", MINUTE, 1, "asked", { first_method = "POST" })
row("3", "an error with max-age is", MINUTE, 1, "fresh", { status = 500 })
row("3", "a redirect with max-age is", MINUTE .. "\nLocation: /elsewhere", 1, "fresh",
  { status = 302 })
row("3", "an unknown status with max-age is", MINUTE, 1, "fresh", { status = 299 })
row("3", "206 is not: parts are not stored", MINUTE .. "\nContent-Range: bytes 0-3/9", 1, "asked",
  { status = 206 })
row("3", "a request for a range goes round", MINUTE, 1, "asked", { second = "Range: bytes=0-1" })
row("3", "Set-Cookie keeps nothing from being stored", MINUTE .. "\nSet-Cookie: a=1", 1, "fresh",
  { shown = { ["Set-Cookie"] = "a=1" } })
row("3", "another query is another URL", MINUTE, 1, "asked", { path = "?other" })
row("3.1", "fields of the connection are not stored", MINUTE .. "\nConnection: X-Hop\nX-Hop: 1"
  .. "\nKeep-Alive: timeout=9\nProxy-Authenticate: Basic\nX-End: 2", 1, "fresh",
  { shown = { ["X-Hop"] = false, ["Keep-Alive"] = false, ["Proxy-Authenticate"] = false,
    Connection = false, ["X-End"] = "2" } })
row("3.2", "a 304 updates fields", TAGGED .. "\nX-One: old\nX-Two: kept", 61, "revalidated",
  { answer = { status = 304, headers = "X-One: new" },
    shown = { ["X-One"] = "new", ["X-Two"] = "kept" } })
row("3.2", "but not those of the body", TAGGED .. "\nContent-Encoding: identity", 61, "revalidated",
  { answer = { status = 304, headers = "Content-Encoding: other" },
    shown = { ["Content-Encoding"] = "identity", ["Content-Length"] = "4" } })
row("3.2", "a 304 with another max-age makes it fresh for so long", TAGGED, 61, "revalidated",
  { answer = { status = 304, headers = "Cache-Control: max-age=5" },
    shown = { ["Cache-Control"] = "max-age=5", Age = "0" } })
row("3.5", "a private cache stores what was asked for with credentials", MINUTE, 1, "fresh",
  { first = "Authorization: Bearer a", second = "Authorization: Bearer a" })
row("3.5", "and keeps it for these", MINUTE, 1, "asked", { first = "Authorization: Bearer a",
  second = "Authorization: Bearer b" })
row("3.5", "cookies are credentials", MINUTE, 1, "asked", { first = "Cookie: a=1",
  second = "Cookie: a=2" })

-- 4: serving
row("4", "a stored answer has its Age", MINUTE .. "\nDate: @-7", 5, "fresh",
  { shown = { Age = "12" } })
row("4", "its Date stays", "Cache-Control: max-age=1000000000\nDate: Sun, 06 Nov 2016 08:49:37 GMT",
  1, "fresh", { shown = { Date = "Sun, 06 Nov 2016 08:49:37 GMT" } })
row("4", "a HEAD is answered by a stored GET", MINUTE, 1, "fresh", { method = "HEAD" })
row("4.1", "Vary: the same value", MINUTE .. "\nVary: X-A", 1, "fresh",
  { first = "X-A: 1", second = "X-A: 1" })
row("4.1", "Vary: another value", MINUTE .. "\nVary: X-A", 1, "asked",
  { first = "X-A: 1", second = "X-A: 2" })
row("4.1", "Vary: not there the second time", MINUTE .. "\nVary: X-A", 1, "asked",
  { first = "X-A: 1" })
row("4.1", "Vary: not there the first time", MINUTE .. "\nVary: X-A", 1, "asked",
  { second = "X-A: 1" })
row("4.1", "Vary: both times not there", MINUTE .. "\nVary: X-A, X-B", 1, "fresh",
  { first = "X-B: 1", second = "X-B: 1" })
row("4.1", "Vary in two lines, names in any case", MINUTE .. "\nVary: x-a\nVary: X-b", 1, "asked",
  { first = "X-A: 1\nX-B: 1", second = "X-A: 1\nX-B: 2" })
row("4.1", "Vary: blanks around commas mean nothing", MINUTE .. "\nVary: X-A", 1, "fresh",
  { first = "X-A: 1, 2", second = "X-A: 1 ,2" })
row("4.1", "Vary: languages have no case", MINUTE .. "\nVary: Accept-Language", 1, "fresh",
  { first = "Accept-Language: de, EN", second = "Accept-Language: de, en" })
row("4.1", "Vary: * is never the same", MINUTE .. "\nVary: *", 1, "asked")
row("4.1", "nor with names beside it", MINUTE .. "\nVary: X-A, *", 1, "asked")
row("4.1", "headers that Vary does not name mean nothing", MINUTE .. "\nVary: X-A", 1, "fresh",
  { first = "X-B: 1", second = "X-B: 2" })
row("4.2", "at the end of max-age it is stale", MINUTE, 60, "asked")
row("4.2", "a moment before it is not", MINUTE, 59, "fresh")
row("4.2.1", "max-age counts before Expires", MINUTE .. "\nExpires: @-60", 1, "fresh")
row("4.2.1", "max-age=0 does, too", "Cache-Control: max-age=0\nExpires: @60", 1, "asked")
row("4.2.1", "s-maxage is for shared caches", "Cache-Control: s-maxage=60, max-age=5", 6, "asked")
row("4.2.1", "Expires counts from Date", "Expires: @60\nDate: @30", 31, "asked")
row("4.2.1", "of two max-age the first counts", "Cache-Control: max-age=60, max-age=0", 1, "fresh")
row("4.2.1", "in two lines, too", "Cache-Control: max-age=0\nCache-Control: max-age=60", 1, "asked")
row("4.2.1", "a max-age that is no number is 0", "Cache-Control: max-age=6x\nExpires: @60", 1,
  "asked")
row("4.2.1", "nor is a negative one", "Cache-Control: max-age=-60", 1, "asked")
row("4.2.2", "a tenth of the time since the last change", CHANGED, 99, "fresh")
row("4.2.2", "and no longer", CHANGED, 101, "revalidated")
row("4.2.2", "at most a day", "Last-Modified: @-99999999", 86401, "revalidated")
row("4.2.2", "of a 404, too", CHANGED, 99, "fresh", { status = 404 })
row("4.2.2", "not of a 403", CHANGED, 1, "asked", { status = 403 })
row("4.2.2", "but with public", CHANGED .. "\nCache-Control: public", 99, "fresh", { status = 403 })
row("4.2.2", "a change in the future says nothing", "Last-Modified: @1000", 1, "revalidated")
row("4.2.3", "Age counts", MINUTE .. "\nAge: 50", 11, "asked")
row("4.2.3", "an old Date counts", MINUTE .. "\nDate: @-50", 11, "asked")
row("4.2.3", "the larger of both", MINUTE .. "\nDate: @-20\nAge: 10", 41, "asked")
row("4.2.3", "a Date in the future does not", MINUTE .. "\nDate: @50", 59, "fresh")
row("4.2.4", "max-stale of a request takes what is stale", MINUTE, 70, "stale",
  { second = "Cache-Control: max-stale" })
row("4.2.4", "must-revalidate does not", MINUTE .. ", must-revalidate", 70, "asked",
  { second = "Cache-Control: max-stale" })

-- 4.3: validation
row("4.3.1", "what is stale is asked for with its ETag", TAGGED, 61, "revalidated",
  { sent = { ["if-none-match"] = '"a"' } })
row("4.3.1", "a weak one, too", MINUTE .. "\nETag: W/\"a\"", 61, "revalidated",
  { sent = { ["if-none-match"] = 'W/"a"' } })
row("4.3.1", "or with its Last-Modified", "Cache-Control: max-age=60\nLast-Modified: "
  .. "Sun, 06 Nov 1994 08:49:37 GMT", 61, "revalidated",
  { sent = { ["if-modified-since"] = "Sun, 06 Nov 1994 08:49:37 GMT" } })
row("4.3.1", "both are sent", TAGGED .. "\n" .. CHANGED, 61, "revalidated",
  { sent = { ["if-none-match"] = '"a"', ["if-modified-since"] = true } })
row("4.3.1", "a condition of the request's own is sent alone", TAGGED, 61, "asked",
  { second = "If-None-Match: \"mine\"", sent = { ["if-none-match"] = '"mine"' },
    answer = { headers = "" } })
row("4.3.2", "If-None-Match gets 304 from what is fresh", TAGGED, 1, "fresh",
  { second = "If-None-Match: \"x\", W/\"a\"", gets = 304, shown = { ETag = '"a"' } })
row("4.3.2", "another one gets it all", TAGGED, 1, "fresh",
  { second = "If-None-Match: \"b\"", gets = 200 })
row("4.3.2", "If-Modified-Since, too", MINUTE .. "\n" .. CHANGED, 1, "fresh",
  { second = "If-Modified-Since: @-500", gets = 304 })
row("4.3.2", "before the last change it gets all", MINUTE .. "\n" .. CHANGED, 1, "fresh",
  { second = "If-Modified-Since: @-5000", gets = 200 })
row("4.3.2", "If-None-Match counts before it", TAGGED .. "\n" .. CHANGED, 1, "fresh",
  { second = "If-None-Match: \"b\"\nIf-Modified-Since: @-500", gets = 200 })
row("4.3.3", "a whole answer takes the place of what is stored", TAGGED, 61, "asked",
  { answer = { headers = "" } })
row("4.3.3", "an error is given, and what is stored stays", TAGGED, 61, "asked",
  { answer = { status = 503, headers = "" } })
row("4.3.4", "a 304 of another ETag says nothing of it: asked again", TAGGED, 61, "asked",
  { answer = { status = 304, headers = "ETag: \"b\"" }, again = { headers = "" } })
row("4.3.5", "a HEAD that says the same makes it fresh", TAGGED, 59, "fresh",
  { between = { method = "HEAD", after = 61, headers = TAGGED } })
row("4.3.5", "one that says something else drops it", TAGGED, 1, "asked",
  { between = { method = "HEAD", after = 61, headers = "ETag: \"b\"" } })
row("4.4", "a POST makes it invalid", MINUTE, 1, "asked", { between = { method = "POST" } })
row("4.4", "a PUT, too", MINUTE, 1, "asked", { between = { method = "PUT" } })
row("4.4", "a DELETE, too", MINUTE, 1, "asked", { between = { method = "DELETE" } })
row("4.4", "a method that nobody knows, too", MINUTE, 1, "asked", { between = { method = "FOO" } })
row("4.4", "one that fails does not", MINUTE, 1, "fresh",
  { between = { method = "POST", status = 500 } })
row("4.4", "a safe one does not", MINUTE, 1, "fresh", { between = { method = "OPTIONS" } })
row("4.4", "Location on the same origin is made invalid", MINUTE, 1, "asked",
  { between = { method = "POST", path = "/other", headers = "Location: %s", status = 201 } })
row("4.4", "and Content-Location", MINUTE, 1, "asked",
  { between = { method = "POST", path = "/other", headers = "Content-Location: %s" } })
row("4.4", "not on another one", MINUTE, 1, "fresh", { between = { method = "POST",
  path = "/other", headers = "Location: http://elsewhere.example%s", status = 201 } })

-- 5: fields
row("5.1", "an Age that is no number is none", MINUTE .. "\nAge: x", 1, "fresh")
row("5.1", "of several the first counts", MINUTE .. "\nAge: 0, 100", 1, "fresh")
row("5.1", "in two lines, too", MINUTE .. "\nAge: 100\nAge: 0", 1, "asked")
row("5.1", "an absurd one is old", MINUTE .. "\nAge: 99999999999999999999999", 1, "asked")
row("5.2", "names have no case", "Cache-Control: MAX-AGE=60", 1, "fresh")
row("5.2", "what is unknown means nothing", "Cache-Control: x, y=\"z, max-age=0\", max-age=60", 1,
  "fresh")
row("5.2", "arguments may be quoted", "Cache-Control: max-age=\"60\"", 1, "fresh")
row("5.2", "what is in quotes is no directive", "Cache-Control: x=\"a, max-age=60\"", 1, "asked")
row("5.2", "more than 31 bits are many", "Cache-Control: max-age=99999999999999", 1000000, "fresh")
row("5.2.1.1", "max-age of a request", MINUTE, 10, "asked", { second = "Cache-Control: max-age=5" })
row("5.2.1.2", "max-stale with a number", MINUTE, 70, "stale",
  { second = "Cache-Control: max-stale=10" })
row("5.2.1.2", "and no further", MINUTE, 71, "asked", { second = "Cache-Control: max-stale=10" })
row("5.2.1.3", "min-fresh", MINUTE, 55, "asked", { second = "Cache-Control: min-fresh=10" })
row("5.2.1.4", "no-cache of a request asks", TAGGED, 1, "revalidated",
  { second = "Cache-Control: no-cache" })
row("5.2.1.5", "no-store of a request keeps nothing", MINUTE, 1, "asked",
  { first = "Cache-Control: no-store" })
row("5.2.1.7", "only-if-cached gets what is there", MINUTE, 1, "fresh",
  { second = "Cache-Control: only-if-cached" })
row("5.2.1.7", "else 504", "Cache-Control: no-store", 1, "none",
  { second = "Cache-Control: only-if-cached", gets = 504 })
row("5.2.2.2", "must-revalidate means nothing while it is fresh", MINUTE .. ", must-revalidate", 1,
  "fresh")
row("5.2.2.3", "must-understand stores a known status in spite of no-store",
  MINUTE .. ", no-store, must-understand", 1, "fresh")
row("5.2.2.3", "and no unknown one", MINUTE .. ", no-store, must-understand", 1, "asked",
  { status = 299 })
row("5.2.2.4", "no-cache is stored, and asked for each time", TAGGED .. "\nCache-Control: no-cache",
  1, "revalidated")
row("5.2.2.4", "no-cache with names: those are not shown again",
  MINUTE .. ", no-cache=\"X-One, x-two\"\nX-One: 1\nX-Two: 2\nX-Three: 3", 1, "fresh",
  { shown = { ["X-One"] = false, ["X-Two"] = false, ["X-Three"] = "3" } })
row("5.2.2.5", "no-store is not stored", MINUTE .. ", no-store", 1, "asked")
row("5.2.2.7", "private is stored, this cache is", MINUTE .. ", private", 1, "fresh")
row("5.2.2.8", "proxy-revalidate is for shared caches", MINUTE .. ", proxy-revalidate", 70,
  "stale", { second = "Cache-Control: max-stale" })
row("5.3", "Expires in the past", "Expires: @-1\nETag: \"a\"", 0, "revalidated")
row("5.3", "Expires: 0", "Expires: 0\nETag: \"a\"", 0, "revalidated")
row("5.3", "a date with a wrong zone is none", "Expires: Thu, 18 Aug 2050 02:01:18 UTC", 0, "asked")
row("5.3", "the form of RFC 850", "Expires: Thursday, 18-Aug-50 02:01:18 GMT", 1, "fresh")
row("5.3", "the form of asctime", "Expires: Thu Aug 18 02:01:18 2050", 1, "fresh")
row("5.4", "Pragma: no-cache of a request, without Cache-Control", TAGGED, 1, "revalidated",
  { second = "Pragma: no-cache" })
row("5.4", "with it, it means nothing", TAGGED, 1, "fresh",
  { second = "Pragma: no-cache\nCache-Control: max-age=30" })

-- RFC 5861 and 8246
row("5861 3", "stale-while-revalidate: is served stale",
  MINUTE .. ", stale-while-revalidate=10", 65, "stale", { background = true })
row("5861 3", "and no longer than it says", MINUTE .. ", stale-while-revalidate=10", 71, "asked")
row("5861 4", "stale-if-error: a 503", MINUTE .. ", stale-if-error=10", 65, "stale",
  { answer = { status = 503 } })
row("5861 4", "a connection that ends", MINUTE .. ", stale-if-error=10", 65, "stale",
  { answer = { cut = true } })
row("5861 4", "of a request, too", MINUTE, 65, "stale",
  { second = "Cache-Control: stale-if-error=10", answer = { status = 500 } })
row("5861 4", "a 404 is no error", MINUTE .. ", stale-if-error=10", 65, "asked",
  { answer = { status = 404 } })
row("5861 4", "no longer than it says", MINUTE .. ", stale-if-error=10", 75, "asked",
  { answer = { status = 503 } })
row("5861 4", "must-revalidate forbids it", MINUTE .. ", stale-if-error=10, must-revalidate", 65,
  "asked", { answer = { status = 503 } })
row("8246 2", "immutable is fresh for max-age", TAGGED .. "\nCache-Control: immutable", 59, "fresh")
row("8246 2", "and stale then", TAGGED .. "\nCache-Control: immutable", 61, "revalidated")

return cases
