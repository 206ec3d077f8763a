-- Written by script/docs: what ms.help tells.
return [==[
# ms._VERSION
  "multisock X.Y.Z".
# ms.array(list) -> list
  Marks a table as a list, so that JSON has it as an array when it is empty.
    list: table
# ms.assert(value[, err], ...) -> value, any, ...
  `assert` for every Lua: raises the error object itself.
    value: any
    err: any
    ...: any
# ms.client([options]) -> client
  Makes a client: its own defaults, connections and limits.
    options: multisock.ClientOptions
  Raises on an unknown option.
# ms.cookies([path]) -> jar; or nil, err (kind "io") when the file cannot be read
  Makes a cookie jar, for the option `cookies`: state.md.
    path: string: a file in the format of Netscape's and curl's; loaded when it is there, and saved by `:save()` and `:close()`
# ms.delete(url[, options]) -> response; or nil, err
  Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
    url: string
    options: multisock.Options
  Raises on misuse, and when the task is cancelled.
# ms.download(source, path[, options]) -> {path: string, size: integer, resumed_from: integer, sha256: string}: bytes, how many of them an earlier call had left, hexadecimal digits; or nil, err
  Downloads a file: streams it to `path .. ".part"`, goes on by itself after a cut and in a later call where it was left, and renames it when all is there and right.
    source: string|string[] a URL, or several of the same file
    path: string where it is to be; what is there is replaced
    options: multisock.DownloadOptions
  Raises on misuse, what `progress` raised, and when the task is cancelled.
# ms.each(items[, fn[, options]]) -> multisock.Each, an iterator
  The same, in order of arrival: `for i, value, err in ms.each(...)`. Leaving the loop early cancels what still runs (by `break` in Lua 5.4; elsewhere call :close() on the first value that `each` returns). Several tasks may take from one, each result comes once.
    items: table|function as for map
    fn: fun(item: any, i: integer): any, any as for map
    options: multisock.MapOptions
# ms.escape(text) -> string
  The text as it stands in a URL: all but letters, digits and `-._~` as `%XX`.
    text: string|number
# ms.eventsource(url[, options]) -> multisock.EventSource, an iterator of events
  Server-sent events of a URL: `for event in ms.eventsource(url) do`. When its connection ends it connects again, and the server goes on behind the last event: streams.md.
    url: string
    options: multisock.EventSourceOptions
  Raises on misuse.
# ms.fd() -> descriptor; nil where the system has none
  A descriptor that is readable when ms.step has something to do.
# ms.fetch as ms.delete
# ms.from_curl(text) -> string, multisock.Options: URL and options; or nil, err that names what cannot be had
  A command line of `curl` as a request: `ms.fetch(ms.assert(ms.from_curl(text)))`.
    text: string as browsers copy it; quotes as in sh
# ms.get as ms.delete
# ms.group(fn) -> ... fn's results
  Structured concurrency: returns when every child has ended; the first failure cancels the others and is raised.
    fn: fun(group: multisock.Group): any which starts them with group:spawn
  Raises what fn or a child raised first.
# ms.har(path, mode[, agent]) -> agent for `ms.client{agent = }`; or nil, err (kind "io" or "protocol")
  Makes an agent that records what passes as HAR 1.2, secrets removed, or one that answers what was recorded: seeing.md.
    path: string of the file; the user alone may read it
    mode: "record"|"replay"
    agent: function|table who performs what is recorded; else the network
# ms.head as ms.delete
# ms.hedge([options], fn) -> value; or nil, err
  Asks again when the answer is slow, and takes the first good one: what is neither nil nor a response of 500 or more. For what may be asked twice.
    options: {after?: number, max?: integer} another try after so many seconds (0.3), so many in all (2)
    fn: fun(try: integer): any, any
  Raises what a try raised that is no failure of the outside world.
# ms.help([name]) -> string to be printed
  Tells about a function, a method, an option or a field; without a name, which there are.
    name: string such as "ms.get", "get", "timeout", "tls.verify" or "response"
# ms.json
  The JSON that is in use. Read-only.
# ms.map(items[, fn[, options]]) -> table, table: results and errors, by the item's index; results.n is the count
  Calls a function for every item, or fetches every URL, many at a time.
    items: table|function: a list, or a function that returns the next item; nil ends it. In a list with `n` (the results of a map) items that are nil are left out
    fn: fun(item: any, i: integer): any, any value; or nil, err. Without it the items are URLs, or {url, options}, and the results responses, body read
    options: multisock.MapOptions
  Raises what fn raised, after the rest was cancelled.
# ms.mock([options]) -> mock
  Makes an agent for tests, which answers what it is told to: `ms.client({agent = mock})`, testing.md.
    options: multisock.MockOptions
  Raises on misuse.
# ms.next_timeout() -> seconds; nil when only its sockets (ms.fd) can make one ready
  How long a host may wait, at most, before it calls ms.step.
# ms.now() -> seconds
  A monotonic clock; its start means nothing.
# ms.null
  JSON's null, as response:json() gives it and the option `json` takes it.
# ms.oauth2(options) -> function
  Makes a middleware for `each_attempt` that gets a token, sends it with each request to its own origins, and renews it: state.md.
    options: multisock.OAuth2
# ms.on_error([fn])
  The function that gets errors of tasks that nobody awaited, and their tracebacks: when the task was collected, or when its run has ended. nil: they are raised from ms.run and ms.step.
    fn: fun(err: any, traceback: string)
# ms.options as ms.delete
# ms.patch as ms.delete
# ms.post as ms.delete
# ms.put as ms.delete
# ms.queue([capacity]) -> queue
  Makes a queue.
    capacity: integer: values at most; nil: no bound
# ms.response([body[, options]]) -> response
  Makes a response of a string, an iterator or an open file: what agents give.
    body: string|fun(): string?|file*
    options: {status?: integer, headers?: table, url?: string} the status is 200
# ms.run(fn, ...) -> ... fn's results
  Runs the loop until `fn` and all that it spawned have ended.
    fn: function
    ...: any what it is called with
  Raises what fn raised; or else what a task raised that nobody awaited, unless there is an on_error.
# ms.sleep(seconds)
  Suspends the task for so many seconds; 0 or less lets the other tasks run once.
    seconds: number
# ms.spawn(fn, ...) -> task
  Starts a task at the next turn.
    fn: function
    ...: any what it is called with
# ms.step([timeout[, budget]])
  One turn of the loop, for a host that owns its time.
    timeout: number seconds to wait at most; nil: not at all
    budget: number seconds after which no further task is started or goes on; the first one always is. nil: all that can run do
  Raises in a task or a callback; the error of a task that nobody awaited, unless there is an on_error.
# ms.to_curl(request[, options]) -> string; or nil, err where the command cannot say it
  A request as a command line of `curl`, for sh.
    request: string|table URL, or a request: response.request, err.request, or that of a middleware
    options: multisock.Options beside a URL, and `redact`: `false` shows secrets, which are `***` otherwise
  Raises on misuse.
# ms.trace(fn) -> function that ends it
  Has a function told of every event of all clients, those that are made later included: seeing.md.
    fn: fun(event: multisock.Event)
# ms.unescape(text) -> string
  The other way: each `%XX` is the byte that it stands for, all else stays, also a `+`.
    text: string
# ms.use_loop([loop]) -> string: the name of the loop that drives, or will
  Chooses the loop, before anything uses one.
    loop: string|table "uv", "luv", "cqueues", "copas", "event", "ev", "glib", "poll" or "frames"; or an adapter (see docs/loops.md)
  Raises when it is unknown or its module is missing; when another is in use.
# ms.version() -> table: multisock, lua, curl, curl_number, ssl, quic, cainfo, capath, uv, json (the library in use), codings (those that are undone), protocols, features, and warnings: a list of strings, what is known to be dangerous of them and what is done about it
  The versions that run.
# ms.websocket(url[, options]) -> multisock.WebSocket; or nil, err: of kind "status" when the server answered something else, which is `err.response`
  Opens a WebSocket: websocket.md.
    url: string `ws://` or `wss://`, or a path below `base_url`
    options: multisock.WebSocketOptions
  Raises on misuse, and when the task is cancelled.
# ms.with_timeout(seconds, fn, ...) -> ... fn's results; or nil, err with kind "timeout"
  Limits the time of `fn` and everything spawned inside.
    seconds: number
    fn: function
    ...: any what it is called with
  Raises what fn raised.
# client:delete as ms.delete
# client:fetch as ms.delete
# client:get as ms.delete
# client:head as ms.delete
# client:options as ms.delete
# client:patch as ms.delete
# client:post as ms.delete
# client:put as ms.delete
# client:map(items[, fn[, options]]) -> table, table: results and errors, by the item's index; results.n is the count
  As ms.map, with this client.
    items: table|function as for ms.map
    fn: fun(item: any, i: integer): any, any as for ms.map
    options: multisock.MapOptions
  Raises what fn raised, after the rest was cancelled.
# client:to_curl(what[, options]) -> string; or nil, err
  As ms.to_curl, with this client's defaults.
    what: string|table as for ms.to_curl
    options: multisock.Options as for ms.to_curl
  Raises on misuse.
# client:each(items[, fn[, options]]) -> multisock.Each, an iterator
  As ms.each, with this client.
    items: table|function as for ms.map
    fn: fun(item: any, i: integer): any, any as for ms.map
    options: multisock.MapOptions
# client:download(source, path[, options]) -> {path: string, size: integer, resumed_from: integer, sha256: string}; or nil, err
  As ms.download, with this client.
    source: string|string[] as for ms.download
    path: string
    options: multisock.DownloadOptions
# client:pages(url[, options]) -> iterator of responses
  Asks for a list that a server gives page by page: `for page in client:pages(url) do ... end`.
    url: string of the first page
    options: multisock.Options, and `next`: `"link"` (the default): the next page is what `Link` says with `rel="next"`, or a function(response) that returns its URL, nil after the last; and `max`: so many pages at most
  Raises the err table of what failed.
# client:eventsource(url[, options]) -> multisock.EventSource, an iterator of events
  As ms.eventsource, with this client.
    url: string
    options: multisock.EventSourceOptions
  Raises on misuse.
# client:websocket(url[, options]) -> multisock.WebSocket; or nil, err
  As ms.websocket, with this client.
    url: string as for ms.websocket
    options: multisock.WebSocketOptions
# client:duplex(method, url[, options]) -> multisock.Duplex
  Sends a request whose body is written while its answer is read: streams.md.
    method: string
    url: string
    options: multisock.Options but for a body, and `max_size`: bytes that are read up to a mark, at most (1 MiB)
  Raises on misuse.
# client:stats() -> multisock.Stats
  What it is doing now, and has done: a table of counts, made in a moment. Of a client with an agent only `requests` and `retries` are known.
# client:network_changed()
  Forgets all connections, and what names were resolved to: to be called when the network is another one. Transfers that run go on; their connections are closed when they are done.
# client:close()
  Ends its transfers and closes its connections. May be called again.
# response.status: integer
  0 where a protocol has none (`file:`).
# response.ok: boolean
  Status 200 to 299.
# response.status_text: string
  Reason phrase; `""` when there is none, as in HTTP/2.
# response.url: string
  Of this answer; user name and password removed.
# response.redirected: boolean
  Whether redirects were followed.
# response.history: table
  Of the redirects that led here, as responses, oldest first; do not read their bodies.
# response.http_version: string
  `"1.0"`, `"1.1"`, `"2"`, `"3"`: what the server answered with.
# response.headers: headers
  See below.
# response.links: table
  By `rel` what `Link` points to: `links.next.url`, see Links.
# response.trailers: headers
  Empty until the body has ended.
# response.attempts: integer
  How often the request was sent, see Kept connections.
# response.cached: string or nil
  `"fresh"`, `"revalidated"`, `"stale"`: it came out of the cache.
# response.peer: string or nil
  `"address:port"` of the other end, `"[address]:port"` for IPv6.
# response.timings: table
  Seconds: `queue dns connect tls first_byte total`.
# response.request: any
  What it answers, for ms.to_curl.
# response.sizes: table
  Bytes: `body` (as received, before decoding), `upload`, `headers`, `request`.
# response:text() -> string; or nil, err (kind "timeout", "closed", "too_large", ...)
  The whole body; it is kept, so this may be called again.
# response:json() -> value; or nil, err (kind "protocol" when it is no JSON)
  The body, decoded as JSON; null is ms.null. (With `json_codec` it is what that has for them.).
# response:read([count]) -> string; nil at the end; nil, err when it did not end well
  Some of the body: without a number what has come, as soon as something has; else so many bytes, fewer only at its end.
    count: integer
# response:save(path) -> bytes written; or nil, err (kind "io" when the file fails)
  Writes the body to a file. A file that is there is replaced when all has come, and keeps its mode; after an error nothing has changed. A device or a pipe is written to as it comes.
    path: string
# response:discard([most]) -> true; or nil, err
  Reads the rest of the body and drops it, so that the connection can be used again.
    most: bytes; when there is more, the transfer is closed instead
# response:drain()
  Reads what is left of a body that nobody wants, so that the connection can be used again, unless it is long (64 KiB) or slow (1 s): then the connection is dropped.
# response:chunks([most]) -> iterator of strings
  Iterates over the body as it arrives.
    most: bytes of a chunk at most
  Raises the err table when the body does not end well.
# response:lines([options]) -> iterator of strings
  Iterates over lines, without their "\n" or "\r\n".
    options: {max_size?: integer} bytes of a line at most (1 MiB)
  Raises the err table when the body does not end well, or (kind "too_large") a line is longer.
# response:events([options]) -> iterator of events
  Iterates over server-sent events: streams.md. An event that the body ends in is dropped.
    options: multisock.EventOptions
  Raises the err table when the body does not end well, or (kind "closed") ends without what `done` says, or (kind "too_large") an event is larger, or (kind "protocol") is no JSON.
# response:records([options]) -> iterator of values
  Iterates over records of JSON, one a line (NDJSON): streams.md. Empty lines are passed over; null is ms.null.
    options: {max_size?: integer} bytes of a record at most (1 MiB)
  Raises the err table when the body does not end well, or (kind "protocol") a line is no JSON, or (kind "too_large") longer.
# response:close()
  Ends the transfer when it still runs; what was not read is gone. May be called again.
# headers:each() -> iterator
  Iterates over name, value in the order of arrival, names as they came.
# headers:get(name) -> string; nil when there is none
  The value of a field, whatever its case; of several their values, joined by ", ".
    name: string
# headers:get_all(name) -> list, empty when there is none
  All values of a field, in the order of arrival.
    name: string
# request.method: string
  Method.
# request.url: string
  User name and password removed; what is assigned may be relative to it.
# request.headers: headers
  `request.headers["X-Name"] = value`, a list of values, or nil; read as those of responses.
# request.body: any
  A string, or what else the option `body` takes; of a body that is no string what stands here is opaque.
# request.meta: any
  The option `meta`, or an empty table: to pass things on.
# request.attempt: integer
  Of `each_attempt` and agents: 1, 2, ...; only read.
# request:replay() -> true; or nil, string: why not
  Makes its body start again. A request that is sent a second time does so itself.
# task:await() -> ... its results
  Waits for the task.
  Raises what it raised.
# task:join() -> boolean, ... true and its results; or false, err
  The same, never raising what the task raised.
# task:cancel([reason]) -> true; false when it had ended already
  Ends the task now, unless its cleanup waits: what it waits for raises an error of kind "cancelled", once.
    reason: any: a string, or an error object that says why
# task:status() -> string
  How far it is: "ready" (will run), "running", "waiting", "done", "failed" or "cancelled".
# task:on_done(fn) -> self
  Calls `fn(ok, ...)` when the task ends (at once when it has). It may not wait.
    fn: fun(ok: boolean, ...: any)
# group:spawn(fn, ...) -> task
  Starts a task in the group.
    fn: function
    ...: any what it is called with
# group:cancel([reason])
  Cancels every task of the group but the one that calls.
    reason: any
# queue.count: integer
  Values in it; `#queue` where Lua has it for tables.
# queue:put(value)
  Adds a value; waits while the queue is full.
    value: any but nil
  Raises when the queue is closed.
# queue:get() -> value; nil when it is closed and empty
  Takes the oldest value; waits while the queue is empty.
# queue:close()
  No more can be put; what is in it can still be taken. May be called again.
# jar:get(url) -> string; nil: nothing; or nil, err (kind "url")
  What a request for this URL would have as its `Cookie` header.
    url: string
# jar:set(url, line) -> true; or nil, err: kind "url", or "policy" when it may not set that
  Keeps what a server at this URL would set by this line.
    url: string
    line: string as behind `Set-Cookie: `
# jar:clear()
  Forgets all cookies.
# jar:save([path]) -> true; or nil, err (kind "io")
  Writes all cookies, those of the session, too, into a file that nobody else may read, all or nothing.
    path: string instead of that of ms.cookies
# jar:each() -> iterator
  Iterates over copies of its cookies: `for cookie in jar:each()`.
# jar:close() -> true; or nil, err (kind "io"), and it is still open
  Saves what has changed, where it has a path, and ends. May be called again.
# mock:perform(request) -> response; or nil, err
  Answers a request: what a client calls whose `agent` this is.
    request: multisock.Request
  Raises when no route is for it.
# mock:calls([url]) -> multisock.Call[] a list of its own
  What it was asked, in order.
    url: string those alone that this is for, as the `url` of a route
# mock:assert_done()
  Whether all that the routes have was asked for: each as often as its `times`, or, without, once for each of its answers.
  Raises naming what was not.
# mock:run(fn, ...) -> ... fn's results
  Runs `fn` and all that it spawned, as ms.run, with a clock of its own: nothing waits in earnest, and what is sent without an agent raises.
    fn: function
    ...: any what it is called with
  Raises as ms.run; when every task waits for a manual clock.
# mock:advance(seconds)
  Moves a manual clock, in a task of `mock:run`: what is due meanwhile happens in its order. It returns when that has run and waits again.
    seconds: number
# each:close()
  Cancels what still runs. May be called again.
# duplex:write(data) -> true; or nil, err when the server takes no more, or there is no connection
  Sends some of the body. Waits while what was written before has not been taken.
    data: string
# duplex:finish()
  The body ends here. What was written is sent. May be called again.
# duplex:response() -> response; or nil, err
  Waits for the headers of the answer, which may come while the body is sent.
# duplex:read([what]) -> string; nil at the end; nil, err
  Reads some of the answer's body, whose headers it waits for. The last piece may be shorter, or lack the mark.
    what: integer|string so many bytes; or a mark such as `"\n"`, up to which it is read and which is left out; without it what is there
# duplex:close()
  Ends it, whatever is still to be sent or read. May be called again.
# source:read() -> multisock.ServerEvent; nil when the source was closed, or `done` has come; nil, err when no connection is tried any more
  Waits for the next event; meanwhile it connects as often as that takes.
# source:close()
  Ends its connection, and whoever waits for an event: `read` returns nil. May be called again.
# websocket.url: string
  User name and password removed.
# websocket.subprotocol: string or nil
  Which of the option `subprotocols` the server speaks.
# websocket.response: response
  Of the handshake, for its headers; it has no body.
# websocket:send(data[, kind]) -> true; or nil, err once it is closed
  Sends a message. Returns when it is on its way: while more than `high_water` bytes wait to be sent, this waits, too.
    data: string|fun(): string? a function gives its pieces, and nil at the end: they are sent as they come
    kind: "text"|"binary" the default is "text", which has to be UTF-8
  Raises on misuse, and when the task is cancelled.
# websocket:receive() -> string, string: the message, and "text" or "binary"; or nil, err: of kind "closed" when it was closed, with `close_code` and `reason`
  Waits for the next message.
  Raises when the task is cancelled.
# websocket:messages() -> iterator of string, string
  Iterates over the messages: `for data, kind in ws:messages() do ... end`. Ends when the WebSocket is closed with 1000 or 1001.
  Raises the err table when it ends otherwise.
# websocket:ping() -> number: seconds that it took; or nil, err once it is closed
  Asks whether the other end is there, and waits for its answer (which is read when the messages before it are received, if there are many).
  Raises when the task is cancelled.
# websocket:close([code[, reason]])
  Closes it: says so to the other end, which has 5 seconds to say so, too. Returns at once; a task of who calls waits for that, so that `ms.run` does not end before. (On the main chunk, outside of `ms.run`, this waits by itself.) May be called again.
    code: integer the default is 1000
    reason: string of 123 bytes at most
# err.kind: string
  What to decide by; the list is in errors.md.
# err.message: string
  Libcurl's own words where it has some.
# err.code: string or nil
  Libcurl's code, such as `"CURLE_COULDNT_CONNECT"`.
# err.number: integer or nil
  Libcurl's code, such as 7.
# err.url: string or nil
  User name and password removed.
# err.phase: string or nil
  `"queue" "resolve" "connect" "tls" "send" "wait" "receive"`: how far it came.
# err.retryable: boolean
  Whether trying again, unchanged, may succeed; false when that might do twice what a POST or PATCH does, of which bytes were sent.
# err.attempts: integer or nil
  How often the server may have got the request, or a part of it; 1 at least. See Kept connections.
# err.timings: table or nil
  As in a response.
# err.response: response or nil
  When headers had arrived.
# err.request: any
  The request that failed, for ms.to_curl.
# err.reason: any
  Of kind `"cancelled"`: what was given to `cancel`; of a WebSocket that was closed, what was said with `close_code`.
# err.close_code: integer or nil
  With which a WebSocket was closed.
# err.traceback: string or nil
  Where the task was that met it, when it was raised.
# event.name: string
  The event.
# event.time: number
  When it was: seconds of `ms.now()`.
# event.call: integer
  A number of the call, the same for all its redirects and retries.
# event.attempt: integer
  How often the call has sent something so far; 0 before the first time.
# event.method: string
  Method.
# event.url: string
  User name and password removed.
# event.meta: table
  The option `meta`.
# event.request: any
  What was asked, for ms.to_curl.
# event.response: response or nil
  Of `headers`, `redirect`, `retry`, `response` and `done`.
# event.err: err or nil
  Of `error`, `retry` and `done`.
# event.to: string or nil
  Of `redirect`: the URL.
# event.waits: string or nil
  What it waits for from now on: `"throttle"`, `"queue"` (a free place under `limits`), `"connection"`, `"send"`, `"server"`, `"body"`, `"retry"`.
# event.waited_for: string or nil
  What it has waited for until now.
# event.waited: number
  How long: seconds since the event before, of this call.
# event.delay: number or nil
  Of `retry` and `throttle`: seconds that it will wait at least.
# event.reused: boolean or nil
  Of `connect`: the connection was there.
# event.peer: string or nil
  Of `connect`: `"address:port"`.
# event.timings: table or nil
  Of `connect` and `done`.
# event.sizes: table or nil
  Of `done`.
# event.websocket: table or nil
  Of `done` of a WebSocket.
# event.direction: string or nil
  Of `message`: `"sent"` or `"received"`.
# event.kind: string or nil
  Of `message`: `"text"` or `"binary"`.
# event.size: integer or nil
  Of `message`: bytes.
# event.message: string or nil
  Of `message`; nil: it was sent in pieces.
# progress.down: integer
  Bytes so far, before decoding.
# progress.up: integer
  Bytes of the body so far.
# progress.down_total: integer or nil
  Down_total.
# progress.up_total: integer or nil
  Up_total.
# progress.speed: number
  Bytes a second, mean.
# progress.eta: number or nil
  Seconds that are left.
# timings.queue: number
  The wait for a connection.
# timings.dns: number
  Until the name was known.
# timings.connect: number
  Until the connection stood; 0 when it was there.
# timings.tls: number
  Until TLS stood; 0 when it did.
# timings.first_byte: number
  Until the answer began.
# timings.total: number
  Until now, or the end.
# sizes.body: integer
  As received, before decoding.
# sizes.upload: integer
  Upload.
# sizes.headers: integer
  Headers.
# sizes.request: integer
  Request.
# map.concurrency: integer or nil
  Items in work at once (64), or math.huge.
# map.on_error: "continue" "stop" or nil
  `"stop"`: the first `nil, err` cancels the rest.
# map.progress: function or nil
  After each item; no total of an iterator.
# json.encode: function
  Raises on what JSON cannot say.
# json.decode: function
  The value; or nil, err.
# json.null: any
  As ms.null.
# cookie.name: string
  Name.
# cookie.value: string
  Value.
# cookie.domain: string
  Domain.
# cookie.host_only: boolean
  Whether names below the domain do not get it.
# cookie.path: string
  Path.
# cookie.secure: boolean
  Whether it goes over TLS alone.
# cookie.http_only: boolean
  Http_only.
# cookie.expires: number or nil
  Seconds since 1970; nil: when the session ends.
# mock_options.routes: list of tables or function or nil
  A list of which the first answers that a request is for; or a function that answers all.
# mock_options.faults: list of tables or nil
  What goes wrong: the first that comes upon a request.
# mock_options.seed: integer or nil
  Of all chance: `faults`, ranges of `delay`, and in `mock:run` also that of retries (0).
# mock_options.clock: "virtual" "manual" or nil
  How time passes in `mock:run`: by itself, when every task waits for it (the default), or by `mock:advance`.
# route.method: string or nil
  Without it any.
# route.url: string or nil
  `"https://h/users/*"`: `*` is any characters; one that begins with `/` is for every host; without a `?` any query will do.
# route.query: table or nil
  Parameters that it has: a value, a list of them, `true`: any, `false`: it is not there.
# route.match: function or nil
  Asked last.
# route.reply: table or list of tables or function or nil
  An answer (an empty 200 without it); a list, whose last repeats; or a function that returns one, a response, or nil, err.
# route.times: integer or nil
  It answers so often, then the routes behind it are looked at.
# reply.status: integer or nil
  200.
# reply.headers: table or nil
  As of requests.
# reply.body: string or table or nil
  A list comes piece by piece, and a number in it is a silence of so many seconds; `math.huge`: for ever.
# reply.json: any
  The body, as the option `json`.
# reply.delay: number or table or nil
  Seconds before it answers; `{least, most}`: by chance; `math.huge`: never.
# reply.connect: number or table or nil
  As `delay`: seconds until the connection stands, before anything of the request is sent.
# reply.fail: string or nil
  There is no answer but an error of this kind: `resolve connect proxy tls timeout closed protocol too_large`.
# reply.at: integer or nil
  With `fail`: there is one, and its body breaks off after so many bytes.
# fault.status: integer or nil
  And `headers`, `body`, `json`, `delay`, `connect`, `fail`, `at` as of an answer.
# fault.ratio: number or nil
  Of so many of the requests it is for, by the seed (1: all).
# fault.times: integer or nil
  So often at most.
# fault.method: string or nil
  As of a route.
# fault.url: string or nil
  As of a route.
# fault.query: table or nil
  As of a route.
# fault.match: function or nil
  As of a route.
# call.method: string
  Method.
# call.url: string
  Url.
# call.headers: headers
  As it was sent.
# call.body: string or nil
  All of it; nil also when no connection stood.
# call.at: number
  Ms.now() when it came.
# call.route: string or nil
  Which route answered: `"routes[2]"`.
# call.fault: string or nil
  What went wrong instead: `"faults[1]"`.
# events.max_size: integer or nil
  Bytes of an event's data, and of a line, at most (1 MiB).
# events.done: string or function or nil
  The data of the event that is the last one, such as `"[DONE]"`, or a function that knows it. It is not given; an end without it raises (kind "closed").
# events.json: boolean or nil
  Decodes the data of each event; what is no JSON raises (kind "protocol").
# server_event.type: string
  `"message"` where it has none.
# server_event.data: any
  String, its lines joined by `"\n"`; with `json` what that decodes to.
# server_event.id: string
  The last one that came; `""` before.
# server_event.retry: number or nil
  Seconds that the server wants between two connections, as it has said last.
# stats.requests: integer
  Sent so far, each redirect and each retry among them.
# stats.retries: integer
  Of these, what `retry` has sent again.
# stats.sent: integer
  Bytes of requests, heads and bodies, as HTTP/1.1 has them, of transfers that have ended.
# stats.received: integer
  Bytes of answers likewise, before decoding.
# stats.active: integer
  On their way now; also answers whose body is not read yet.
# stats.waiting: integer
  For a free place under `limits`.
# stats.connections: integer
  In use now.
# stats.idle: integer
  Connections that are kept for the next request; some may be closed by now.
# stats.origins: integer
  That the client knows.
# websocket_end.close_code: integer
  1005: none was given, 1006: the connection ended without a close.
# websocket_end.reason: string
  What was given with the code; `""`: nothing.
# websocket_end.sent: integer
  Messages.
# websocket_end.sent_bytes: integer
  Of messages that were sent, without frames.
# websocket_end.received: integer
  Messages.
# websocket_end.received_bytes: integer
  Of messages that have come, without frames.
# oauth2.token_url: string
  Where tokens are got.
# oauth2.client_id: string
  Who asks.
# oauth2.client_secret: string or nil
  Not of a public client.
# oauth2.auth: "basic" "body" or nil
  How id and secret are sent: as Basic credentials (the default), or in the form.
# oauth2.scope: string or nil
  Scope.
# oauth2.params: table or nil
  More fields of the form, such as `audience`.
# oauth2.refresh_token: string or nil
  Tokens are got for this one, which may be replaced by each answer; without it by the client's own credentials.
# oauth2.origins: list of strings or nil
  URLs: the token goes to their origins (scheme, host, port) and no others; without it to that of the client's `base_url`.
# oauth2.store: table or nil
  `load`, a function that is called once, and `save`, called with each new `{access_token =, refresh_token =, expires_at =}`.
# multipart.name: string
  Of the field.
# multipart.value: string or number or boolean or nil
  Sent as text.
# multipart.file: string or nil
  Path of a file, opened when it is sent.
# multipart.body: any
  What the option `body` takes: Bodies.
# multipart.filename: string or false or nil
  The name that the server is told; of a `file` the last part of its path, unless `false`.
# multipart.type: string or nil
  Content type; `application/octet-stream` of a `file`, and of what has a `filename`.
# multipart.headers: table or nil
  More header fields of this part.
# option allow_private: boolean, default true
  false connects to public addresses alone: Private addresses.
# option auth: table or false
  Who you are, false: nobody: Authentication.
# option auth.aws_sigv4: table
  Signs the request for AWS.
# option auth.aws_sigv4.access_key: string
  The key's id.
# option auth.aws_sigv4.region: string
  "eu-west-1".
# option auth.aws_sigv4.secret_key: string
  The key.
# option auth.aws_sigv4.service: string
  "s3", "execute-api".
# option auth.aws_sigv4.session_token: string
  The token that comes with a temporary key.
# option auth.basic: list of strings
  {user, password}.
# option auth.bearer: string
  A token.
# option auth.digest: list of strings
  {user, password}, of which the server gets a digest (RFC 7616).
# option auth.negotiate: boolean
  true: Kerberos, as the user whose ticket the system has (RFC 4559).
# option body: string or list of strings or function or open file or table
  What is sent: Bodies.
# option buffer: boolean, default false
  The response is handed over with its whole body; one that fails is nil, err, which retry covers, and timeout.attempt the time until its end.
# option cache: boolean or table or "default" "no-store" "reload" "no-cache" "force-cache" "only-if-cached", default false
  Keeps answers and gives them again while they are good: cache.md.
# option cache.coalesce: boolean, default false
  Of requests that are equal, while the first one runs, no other is sent.
# option cache.max_size: integer, default 32 MiB, of a folder 256 MiB
  Bytes of all answers; what was not used for the longest time goes. A body may have an eighth of it.
# option cache.path: string
  A folder, in place of memory; other processes may have the same.
# option connect_to: list of strings
  "host:port:host2:port2": connects elsewhere, CURLOPT_CONNECT_TO.
# option cookies: false or table, default false
  A jar that keeps them: state.md.
# option curl: table
  option = value: libcurl's own: Options of libcurl.
# option decompress: boolean, default true
  Asks for content codings and undoes them: Content codings.
# option doh_url: string
  Name lookup over HTTPS at this URL.
# option fail_on_error: boolean, default false
  A status of 400 or more is nil, err; err.response is the answer.
# option form: table
  Sent as a form, application/x-www-form-urlencoded; values as for query.
# option headers: table or headers
  name = value, or name = {values} to send several; strings or numbers; name = false: not what the client has.
# option high_water: integer, default 256 KiB
  Unread body held before the transfer is paused; also what is decoded ahead of the reader.
# option http_version: "1.0" "1.1" "2" "2-prior-knowledge" "3"
  See HTTP versions.
# option interface: string
  Name or address of the local end.
# option json: any
  Sent as JSON, Content-Type: application/json; null is ms.null, ms.array({}) an empty array.
# option json_codec: table or false, default false
  {encode = function, decode = function}: JSON of another library, for the option json and response:json(): json.md.
# option max_body: integer, default 64 MiB
  Largest body that is buffered whole, decoded; math.huge, or 0: no limit.
# option max_headers: integer, default 300 KiB
  Largest header block of an answer.
# option max_redirects: integer, default 10
  More is nil, err.
# option meta: any
  Kept with the request; nothing else looks at it.
# option method: string, default that of the call
  In place of the call's; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS may be in lower case.
# option multipart: list of tables
  Sent as a form of parts, such as files: Multipart.
# option netrc: boolean or string or table, default false
  User and password from a file: true (~/.netrc), its path, or a table: Authentication.
# option netrc.cleartext: boolean, default false
  true: also for what is not encrypted, as http and ftp.
# option netrc.path: string, default ~/.netrc
  The file.
# option no_proxy: list of strings
  Hosts that are asked without the proxy: names, which stand for what is below them, too, addresses, blocks (10.0.0.0/8), and *.
# option progress: function
  See Progress.
# option protocols: list of strings, default {"http", "https"}
  URL schemes that are allowed, for redirects too: protocols.md.
# option proxy: string or false
  URL of a proxy; false: none, whatever the environment says.
# option query: false or table
  Added to the URL, encoded: strings, numbers, booleans, lists; false: nothing.
# option redirect: "follow" "error" "manual", default "follow"
  "error": a redirect is nil, err; "manual": it is the response.
# option resolve: list of strings
  "host:port:address": addresses for names, see below.
# option retry: boolean or integer or table, default false
  Sends again what failed: true, how often, or a table: resilience.md.
# option retry.backoff: number or function, default 0.5
  Seconds: before each retry a random time of at most so many, which double each time; or a function that says how long, nil: no more.
# option retry.breaker: boolean or table, default false
  true, or a table: does not ask an origin that fails too often.
# option retry.breaker.min: integer, default 10
  Requests in window below which it does not open.
# option retry.breaker.open: number, default 5
  Seconds for which nobody is sent.
# option retry.breaker.ratio: number, default 0.5
  The share of failures that opens it.
# option retry.breaker.window: number, default 30
  Seconds that are counted.
# option retry.budget: number, default 0.2
  Retries of a client in 10 s, as a share of its requests in these; 10 more are free, and so is what the server has asked for. math.huge: no limit.
# option retry.idempotency_key: boolean or string, default false
  A header (true: Idempotency-Key) with one random key on all tries; POST and PATCH are sent again then, too.
# option retry.limit: integer, default 2
  Tries after the first.
# option retry.max_delay: number, default 120
  Seconds that are waited at most; a server that asks for more is not asked again.
# option retry.methods: list of strings, default GET, HEAD, PUT, DELETE, OPTIONS
  Of others only what the server has certainly not got is sent again.
# option retry.respect_retry_after: boolean, default true
  Heeds Retry-After, retry-after-ms and x-should-retry of an answer.
# option retry.statuses: list of integers, default 408, 425, 429, 500, 502, 503, 504
  Answers that are asked for again.
# option sensitive_headers: list of strings, default see Redirects
  Headers that a redirect to another origin loses, in place of the default list.
# option throttle: false or table or list of tables, default false
  So many starts in a time, for each host: resilience.md.
# option throttle.adaptive: table
  {min = , max = }, starts a second: faster while answers are good, half as fast after 429 and 503.
# option throttle.burst: integer, default limit
  Starts that may follow each other at once; the rest is spread over the window.
# option throttle.key: "host" "all" or function, default "host"
  What is counted together: each host, all, or what a function says; nil: not counted.
# option throttle.limit: integer
  Starts in any window of per seconds.
# option throttle.per: number, default 1
  Seconds.
# option timeout: number or table, default see Timeouts
  Seconds: a number limits all of it.
# option timeout.attempt: number
  One try, from the end of its waiting in the queue to the headers of its answer, or to the end of its body (buffer, map, each); each retry is another one.
# option timeout.connect: number, default 30
  Name lookup, connecting and TLS together; a reused connection needs none.
# option timeout.first_byte: number, default 300
  Silence between the connection, or the last byte sent, and the answer's headers; interim answers (1xx) do not end it.
# option timeout.idle: number, default 60 or none, see below
  Silence while somebody waits for the body.
# option timeout.queue: number
  Waiting for a free place under limits, and for throttle.
# option timeout.total: number
  The whole: waiting, every redirect, the body, and pauses of the one who reads it.
# option tls: table
  See TLS.
# option tls.ca: string
  File with the authorities to trust, PEM: these and no others.
# option tls.ca_path: string
  Folder with them (openssl rehash), alone or beside ca.
# option tls.cert: string
  File with the client certificate.
# option tls.key: string
  File with its key.
# option tls.min_version: "1.0" "1.1" "1.2" "1.3"
  The oldest version that is accepted.
# option tls.password: string
  The key's password.
# option tls.pinned_public_key: string
  CURLOPT_PINNEDPUBLICKEY: a file, or "sha256//...".
# option tls.verify: boolean, default true
  false accepts any certificate and any host name.
# option trust_env: boolean, default true
  Takes from the environment the proxy when proxy is not given, and the authorities when tls names none.
# option unix_socket: string
  Connects to the Unix socket with this path; the URL still gives Host and path.
# option agent: table or function
  Performs in the place of the network: a function, or an object with :perform(request) and perhaps :close().
# option base_url: string
  Stands before every URL that is no absolute one: https://h/v1 and /users is https://h/v1/users.
# option each_attempt: list of functions
  Functions that a request passes each time that it is sent, also for each redirect and retry; signing belongs here.
# option limits: table
  How much at once.
# option limits.connections: integer, default open files less 96, or half of a few
  Connections at once; who finds no descriptor left waits for one as long as timeout.connect allows.
# option limits.host_connections: integer, default none
  To one scheme, origin and port.
# option limits.idle: integer, default as connections
  Idle connections that are kept.
# option limits.requests: integer, default none
  Requests at once, whatever carries them; one ends with its body.
# option limits.streams: integer, default 100
  Requests at once on one HTTP/2 connection.
# option middleware: list of functions
  Functions that each call passes once, outside of all else.
# option on: table
  Functions that are told of what happens, by event.
# option download.checksum: string
  "sha256:HEX": what the whole file has to have.
# option download.fsync: boolean, default false
  What is written is on the disk before it counts: it survives a loss of power.
# option download.progress: function
  Is told how far it is, 10 times a second at most.
# option download.resume: boolean, default true
  Goes on with what an earlier download has left; false: begins anew.
# option download.segments: integer, default 1
  So many connections at once, for a large file whose size and version the server tells; from others one.
# option download.tries: integer, default 5
  How often in a row it goes on after a cut without anything gained; 0: never.
# option eventsource.done: string or function
  The data of the last event, or a function that knows it: then the source ends.
# option eventsource.json: boolean, default false
  Decodes the data of each event.
# option eventsource.last_event_id: string
  The id of the last event that an earlier run has seen: the server goes on behind it.
# option eventsource.max_size: integer, default 1 MiB
  Bytes of an event at most.
# option eventsource.reconnect: number, default 3
  Seconds between two connections, until the server says another time (retry:).
# option eventsource.tries: integer, default math.huge
  So many connections in a row that bring no event are tried again; 0: none is.
# option websocket.max_size: integer, default 16 MiB
  Largest message that is received; math.huge: no limit.
# option websocket.subprotocols: list of strings, default none
  What to speak over it, the best first: the server has to choose one.
# core.decoder(codings) -> core.Decoder; or nil, string: a message when one of them is not known, or when they are more than 5
  Makes a decoder for bytes that came in these codings.
    codings: string: as in Content-Encoding, those of core.version().codings
# core.easy([options]) -> core.Easy; or nil, err when libcurl refuses an option
  Makes an easy handle.
    options: table of options by name
  Raises on an unknown option or a value of the wrong type.
# core.easy_count() -> integer
  How many easy handles are alive, for leak checks.
# core.error(fields) -> table: the same, with the metatable of error objects
  Makes an error object of a table, and returns the table. `message` and `url` come out as core.redact has them.
    fields: table with at least `kind` and `message` (strings)
# core.error_refinements() -> list of {code, when, kind}
  Where phase and own flags decide, for documentation.
# core.error_table() -> list of {number=, code=, kind=, retryable=}
  The table from libcurl's codes to kinds, for documentation and tests.
# core.form(fields) -> string, "a=1&b=2", names in alphabetical order; nil when it has to be looked at closely
  The fields of a form or a query, for what is usual: few names, with one value each.
    fields: table
# core.getdate(text) -> seconds since 1970; nil when it is none
  A date as HTTP writes it, in any of its three forms.
    text: string
# core.infos() -> list of strings
  The names that getinfo takes.
# core.is_terminal(fd) -> boolean
  Whether a standard stream is a terminal.
    fd: integer: 0, 1 or 2
# core.loop([loop]) -> core.Loop; or nil, err
  Makes a libuv loop, or adopts the host's: then the host runs it, and on_turn and wake say when Lua gets its turn.
    loop: lightuserdata: the host's uv_loop_t *
  Raises when that loop is of another copy of libuv.
# core.mime([easy[, parts]]) -> core.Mime
  Makes a multipart body.
    easy: core.Easy, as libcurl has it: not needed, any easy can be given the mime
    parts: list of tables as for addpart
# core.multi([options]) -> core.Multi; or nil, err
  Makes a multi handle: a connection pool with transfers.
    options: table as for multi:setopt
# core.multi_options() -> list of {name=, id=, type=}; the type is one of "long" "off_t" "list" "pointer" "function"
  Every option of a multi that the running libcurl has.
# core.open_files() -> integer; nil when there is no limit
  How many files the process may open.
# core.options() -> list of {name=, id=, type=, reason=}; the type is one of "long" "values" "off_t" "object" "string" "list" "pointer" "blob" "function"; the reason tells why an option cannot be set from Lua, nil for those that can
  Every option that the running libcurl has.
# core.quirks() -> table from the name of a fault to {issue = its number at curl's, effect = what may happen, remedy = what multisock does}; only those that this libcurl has
  What is known to be wrong with the libcurl that runs.
# core.share([options]) -> core.Share; or nil, err
  Makes a share handle.
    options: string|table: a kind, or a table as for setopt, in which items without a name are kinds to share
  Raises on an unknown name.
# core.url([text[, flags]]) -> core.Url; or nil, err of kind "url", or of kind "curl" when a flag needs a newer libcurl
  Parses a URL.
    text: string; nil: an empty one
    flags: list of strings: "default_scheme" "non_support_scheme" "path_as_is" "disallow_user" "urlencode" "guess_scheme" "no_authority" "allow_space"; "uri" is multisock's own: what no URI has is percent-encoded behind the host, a blank only with "urlencode"
  Raises on an unknown flag.
# core.url_known(text, places) -> what is known of its place; nil when that is nothing, or libcurl does not send what is behind it as it is written; and whether this text was asked about lately
  Whether all but the path of a URL is known.
    text: string
    places: table: by what url_place says, what is known of these
# core.url_place(text) -> string; nothing when it is something else
  What is before the path, where it is nothing but http or https, a name and a port: of URLs with the same libcurl need be asked only once.
    text: string
# core.url_under(prefix, text) -> string; nothing when it is something else, or not sent as it is written
  A path, and perhaps a query, behind what stands before all that are written so.
    prefix: string, "http://host/folder/"
    text: any
# core.version() -> table: multisock, lua, curl, curl_number, ssl, quic (nil without HTTP/3), cainfo and capath (where it looks for authorities by default, nil: nowhere), uv, protocols (list), features (set), codings (list: the content codings that fetch undoes)
  The versions that run, not those it was built with.
# easy:duphandle() -> core.Easy; or nil, err when this libcurl cannot copy what is set
  A new handle with the same options, callbacks included. It has no connections, cookies, share or transfer of the original.
  Raises on a handle that serves multisock.fetch.
# easy:getinfo(name) -> value; nil where there is none; or nil, err when this libcurl lacks it
  What libcurl knows of the transfer.
    name: string such as "response_code" or "total_time"
# easy:header(name[, index[, origin[, request]]]) -> table with name, value, amount, index and origin; nil when there is no such header; or nil, err when libcurl is older than 7.83 or built without
  A header of the last transfer.
    name: string in any case
    index: integer: which one of several with this name, from 0 (the default)
    origin: string|string[]: "header" (the default), "trailer", "connect", "1xx" or "pseudo", or a list of these
    request: integer: the number of the request in a transfer with redirects, from 0; -1 (the default): the last
# easy:nextheader([origin[, request[, previous]]]) -> table as header returns it, with its `position` (from 1); nil after the last; or nil, err
  The header after another one, in the order in which they came. The first call reads all that there are then.
    origin: string|string[] as for header
    request: integer as for header
    previous: table: what nextheader returned; nil: the first one
# easy:pause(mask) -> self; or nil, err
  Pauses or continues directions of a transfer.
    mask: integer of core.PAUSE_RECV, PAUSE_SEND, PAUSE_ALL, PAUSE_CONT
  Raises in a callback of its multi that is not one of its own.
# easy:perform() -> true; or nil, err, which may be what a callback raised
  Runs the transfer to its end; nothing else runs meanwhile.
# easy:recv([most]) -> string, which is "" when the other end has closed; or nil, err, with code "CURLE_AGAIN" when nothing is there now
  Receives bytes from the connection of a handle with connect_only.
    most: bytes at most (16,384)
  Raises in a callback.
# easy:reset() -> self
  Sets all options back to their defaults; connections, the TLS session cache and cookies stay.
  Raises while the handle is in a multi.
# easy:send(bytes) -> count of bytes that were taken, which may be fewer; or nil, err, with code "CURLE_AGAIN" when the socket takes none now
  Sends bytes over the connection of a handle with connect_only.
    bytes: string
  Raises in a callback.
# easy:setopt(name[, value]) -> self; or nil, err
  Sets options. What libcurl refuses is returned, not raised.
    name: string|table: an option, or a table of options and values
    value: any; nil: back to the default; core.null, for a string: none
  Raises on an unknown name, a wrong type, zero bytes or line breaks where they would change the request, and while the transfer runs.
# easy:traceback() -> string, a traceback; nil when none has raised
  Where the callback that raised last did so.
# easy:unsetopt(name) -> self; or nil, err
  Sets an option back to its default.
    name: string
# easy:upkeep() -> self; or nil, err, also while the handle has a connection in use, for a transfer or for send and recv
  Does what keeps the idle connections of the handle, or of its multi, alive.
  Raises in a callback.
# easy:ws_meta() -> table as the second result of ws_recv; nil outside of a WebSocket's writefunction; or nil, err
  What frame the bytes belong to that writefunction is called with.
# easy:ws_recv([most]) -> string, table with a field that is true for each of the frame's flags, `offset` and `bytesleft`; or nil, err, with code "CURLE_AGAIN" when nothing is there now and "CURLE_GOT_NOTHING" when the other end has closed
  Receives a WebSocket frame, or a part of one.
    most: bytes at most (16,384)
  Raises in a callback.
# easy:ws_send(bytes[, flags[, size]]) -> count of bytes that were taken; or nil, err, with code "CURLE_AGAIN" when the socket takes none now
  Sends a WebSocket frame, or a part of one. May be called in a callback of the handle itself.
    bytes: string
    flags: string|string[]: "text" (the default), "binary", "close", "ping", "pong", "cont" or "offset", or a list of these
    size: integer of the whole frame when "offset" is among the flags
# easy:close()
  Ends the transfer and frees the handle. May be called again, at any time, and in a callback of the handle itself, whose transfer then fails. Outside of callbacks it gives HSTS entries to hstswritefunction, and the handle's own connections to closesocketfunction.
  Raises what these two raised; the handle is closed then, too.
# multi:add_handle(easy) -> self; or nil, err
  Adds a transfer; the next drive of the loop starts it.
    easy: core.Easy, kept alive until it is removed
  Raises when it is in a multi already, or in a callback.
# multi:assign(fd[, value]) -> self; or nil, err when libcurl does not use this socket now
  Keeps a value for a socket: the socket callback gets it as its fourth argument until libcurl says "remove". May be called in that callback.
    fd: descriptor that libcurl has asked to watch
    value: any; nil forgets
  Raises when a loop drives this multi.
# multi:attach(loop) -> self; or nil, err
  Lets a libuv loop drive this multi.
    loop: core.Loop
  Raises when it is attached already or has transfers in it.
# multi:get_handles() -> list of core.Easy
  The transfers in this multi, oldest first, those that have ended included. Of our own list, so that every libcurl has it.
# multi:get_offt(name) -> integer; or nil, err: needs libcurl 8.16
  A count of transfers that libcurl keeps.
    name: "xfers_current" (added), "xfers_running", "xfers_pending" (waiting to start), "xfers_done" (not yet read by info_read) or "xfers_added" (ever)
# multi:info_read() -> easy, true; or easy, nil, err; or nil when none has ended
  The next transfer that has ended. It stays in the multi until it is removed.
# multi:notify_disable(kind) -> self; or nil, err: needs libcurl 8.17
  The opposite of notify_enable.
    kind: "info_read"|"easy_done" as for notify_enable
# multi:notify_enable(kind) -> self; or nil, err: needs libcurl 8.17
  Lets `notifyfunction(kind, easy)` be called when this happens.
    kind: "info_read"|"easy_done": the first says that there is something for info_read, where there was nothing, the second that this transfer has ended
# multi:perform() -> count of running transfers; or nil, err
  Does what can be done now, for a program without an event loop.
  Raises as socket_action.
# multi:poll(ms[, fds]) -> count, list: how many descriptors have activity, and those of `fds` that are ready, in the same form; or nil, err
  Waits for activity on any transfer, or on descriptors of the caller.
    ms: milliseconds at most
    fds: table: a list of {fd=, events=}, with events "in" (the default), "out", "inout" or "pri"
  Raises in a callback of this multi.
# multi:remove_handle(easy) -> self
  Takes a transfer out, whatever it is doing; its connection is closed when it was in the middle. Nothing happens when it is not in this multi.
    easy: core.Easy
  Raises in a callback of this multi.
# multi:setopt(name[, value]) -> self; or nil, err
  Sets options. `socketfunction(easy, fd, what, assigned)`, with `what` one of "in" "out" "inout" "remove", and `timerfunction(ms)`, with nil to delete the timer, must be set before the first transfer is added. `pushfunction(parent, pushed, headers)` is asked about each stream that an HTTP/2 server pushes, `notifyfunction(kind, easy)` is told what notify_enable names. core.multi_options() lists all of them.
    name: string|table: an option, or a table of options and values
    value: any; nil: back to the default
  Raises on an unknown name, a wrong type, or in a callback of this multi.
# multi:socket_action([fd[, what]]) -> count of running transfers; or nil, err
  Tells libcurl what happened on a socket, or that its timer is due.
    fd: descriptor; nil: the timer (CURL_SOCKET_TIMEOUT)
    what: "in"|"out"|"inout"|"err"; nil lets libcurl look for itself
  Raises what a socket, timer, push or notify callback raised; in a callback of this multi; when a loop drives it.
# multi:socket_all() -> count of running transfers; or nil, err
  Acts on every socket and transfer, whether something happened or not: slow. Deprecated by libcurl, but what cures refused connections before 8.4.
  Raises as socket_action.
# multi:timeout() -> milliseconds; nil: never; or nil, err
  When the timer is due, for a program that does not keep it.
# multi:wait(ms[, fds]) -> count, list; or nil, err
  The same as poll, but returns at once when there is nothing to wait for.
    ms: milliseconds at most
    fds: table as for poll
# multi:waitfds() -> list of {fd=, events=}; or nil, err: needs libcurl 8.8
  The sockets that libcurl waits for, for a program that calls perform when one of them is ready.
# multi:wakeup() -> self; or nil, err
  Ends a poll that runs in another thread, or the next one.
# multi:close()
  Takes out all transfers, closes all connections, frees the handle. May be called again.
  Raises in a callback of this multi; what its socket callback raised meanwhile.
# loop:counts() -> integer, integer
  How many sockets are watched, idle connections included, and how many multis are attached: for leak checks.
# loop:fd() -> integer; nil where the system has none
  The descriptor that is readable when a step has something to do.
# loop:hosted([over]) -> boolean
  Whether the host was seen to run its loop: then Lua cannot wait for it.
    over: boolean: the host says that its run has ended
# loop:interruptible(on)
  Lets Ctrl-C end a blocking step, for as long as a program runs the loop. Only where the host handles SIGINT by a plain function, as `lua` does.
    on: boolean; false also for a loop of the parent process
# loop:is_alive() -> boolean
  Whether anything is left that the loop could wait for.
# loop:now() -> seconds, with fractions
  The monotonic clock.
# loop:on_turn(fn) -> self
  Sets the function that gets Lua's turn in the host's uv_run, once for all that has happened: then some may be ready, or ends for info_read.
    fn: fun(): what it raises is printed
  Raises when the loop is not adopted.
# loop:step([timeout]) -> boolean whether anything is left that the loop could wait for
  Waits for events and serves them. In a turn of an adopted loop it does nothing: the host's uv_run does it.
    timeout: seconds at most; nil: until something happens; 0: what is there now
  Raises when called in a callback, or while the host runs an adopted loop; what a push or notify function raised.
# loop:timeout() -> seconds; nil: until a socket is ready
  How long a step would wait by itself.
# loop:wake([seconds]) -> self
  Asks for a turn of an adopted loop. The last call counts.
    seconds: number: until then, at most; 0: the next one; nil: when there is ready
  Raises when the loop is not adopted, or belongs to another thread.
# loop:close()
  Closes the loop and every multi that is attached to it. May be called again. Of an adopted one only what is ours on it: the host runs it once more before he closes it.
  Raises in a callback of a transfer that it drives.
# share:setopt(name[, value]) -> self; or nil, err
  Sets what is shared. Not while an easy uses it.
    name: string|table: "share" or "unshare", or a table of both
    value: string|string[]: "cookie" "dns" "ssl_session" "connect" "psl" "hsts", or a list
  Raises on an unknown name.
# share:share(kinds) -> self; or nil, err
  Shares this. Not while an easy uses it.
    kinds: string|string[]: a name, or a list of names, as for setopt
# share:unshare(kinds) -> self; or nil, err
  Shares this no more. Not while an easy uses it.
    kinds: string|string[]: a name, or a list of names, as for setopt
# share:close()
  Ends the use of this object. May be called again. Easies that were given the share keep it until they are closed, or have no share any more.
# mime:addpart([fields]) -> core.MimePart
  Adds a part.
    fields: table: name, data, file, filename, type, encoder, headers, subparts, and read, seek, size
# mime:close()
  Ends the use of this object. May be called again. Easies that were given the mime keep what they have.
# part:data(data) -> self
  The content: a string, which may have zero bytes. It replaces any other content.
    data: string
# part:data_cb(size, read[, seek]) -> self
  The content: what a function gives, as the readfunction of an easy does.
    size: integer|nil: bytes; nil or -1 when it is not known
    read: fun(room: integer): string? a string of at most so many bytes; nil: the end
    seek: fun(offset: integer, origin: string): boolean? needed to send it again
# part:encoder([name]) -> self
  The transfer encoding.
    name: string: "binary" "8bit" "7bit" "base64" "quoted-printable"; nil: none
# part:filedata(path) -> self; that the file cannot be read is told when the mime is given to an easy
  The content: a file, read while it is sent. Its name is sent too, unless filename says otherwise.
    path: string
# part:filename([name]) -> self
  The file name that is sent.
    name: string|false: none; nil: that of the file
# part:headers([list]) -> self
  Headers of its own.
    list: list of strings such as "X-Name: value"; nil: none
# part:name([name]) -> self
  The name of the form field.
    name: string; nil: none
# part:subparts([mime]) -> self
  The content: parts. The mime belongs to this part from now on: no easy and no other part can have it.
    mime: core.Mime|table: a mime, or a list of parts as for core.mime; nil: none
  Raises when it is part of another mime, or would be of itself.
# part:type([type]) -> self
  The content type.
    type: string; nil: as libcurl decides
# url:beside(text) -> core.Url
  Another URL of the same place.
    text: string, of which url_place says that it is that place, and that libcurl sends what is behind it as it is written
# url:dup() -> core.Url
  A copy that changes on its own.
# url:get([part[, flags]]) -> string, nil when the URL has no such part; or nil, err
  One part of the URL. Flags: "default_port" "no_default_port" "default_scheme" "urldecode" "urlencode" and, of newer versions, "punycode" (7.88) "puny2idn" (8.3) "get_empty" (8.8) "no_guess_scheme" (8.9).
    part: string: "url" (the default) "scheme" "user" "password" "options" "host" "port" "path" "query" "fragment" "zoneid"
    flags: list of strings
# url:set(part[, value[, flags]]) -> self; or nil, err
  Sets one part; setting "url" to a relative one resolves it.
    part: string as for get
    value: string; nil removes the part
    flags: list of strings
# url:close()
  Ends the use of this object. May be called again. A transfer that was given the URL keeps it.
# decoder:decode(bytes[, first]) -> string, integer, boolean: the decoded bytes, which may be none; the first byte that was not taken; whether there is more to be had for the asking, even without bytes; or nil, string: a message, and then the decoder is closed
  Decodes some bytes: 64 KiB and about 1 ms at most.
    bytes: string
    first: integer: where to begin in it, default 1
# decoder:ended() -> boolean
  Whether the codings are complete, with length and checksum right where they have these, and nothing came after them.
# decoder:close()
  Ends the use of this object. May be called again.
]==]
